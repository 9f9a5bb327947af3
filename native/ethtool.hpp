// SPDX-License-Identifier: Apache-2.0
// ethtool.hpp - offloads of interfaces, in the network namespace of the calling thread.
#pragma once

#include <napi.h>

namespace unum
{

// interfaceFeatures(ifindex): feature name → whether it is on; empty for a driver that tells nothing.
Napi::Value interface_features(const Napi::CallbackInfo &info);

} // namespace unum
