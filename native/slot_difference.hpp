// SPDX-License-Identifier: Apache-2.0
// slot_difference.hpp - what makes the slots of one bucket table those of another.
#pragma once

#include <napi.h>

namespace unum
{

/*
 * slotDifference(desired, observed, keyWords): both are slots in a row, as BucketTable gives and takes
 * them, each key once. An object of Uint8Arrays:
 *
 *   puts      slots of desired whose key is new or has another value, in their order; where that is
 *             all of them, desired itself and no copy
 *   replaced  slots of observed whose key such a put has, in the order of those puts
 *   removed   slots of observed whose key desired has not
 *   deletes   their keys
 */
Napi::Value slot_difference(const Napi::CallbackInfo &info);

} // namespace unum
