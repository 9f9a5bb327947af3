// SPDX-License-Identifier: Apache-2.0
// ethtool.cc - which offloads an interface has on (SIOCETHTOOL; ethtool -k shows the same).
#include "ethtool.hpp"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "arguments.hpp"
#include "fd.hpp"

namespace unum
{

// The kernel has some sixty; what it says is not believed beyond this.
static constexpr uint32_t features_max = 1024;

class Ethtool
{
      public:
	Ethtool(const char *name, uint32_t ifindex)
	    : subject_("features of interface " + std::to_string(ifindex)),
	      socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0))
	{
		if (!socket_.valid())
			throw refused("read", subject_, errno);
		std::strncpy(request_.ifr_name, name, sizeof(request_.ifr_name) - 1);
	}

	// False: the driver has no such thing.
	bool ask(void *command)
	{
		request_.ifr_data = static_cast<char *>(command);
		if (::ioctl(socket_.get(), SIOCETHTOOL, &request_) == 0)
			return true;
		if (errno == EOPNOTSUPP)
			return false;
		throw refused("read", subject_, errno);
	}

      private:
	std::string subject_;
	Fd socket_;
	ifreq request_ = {};
};

// A command of ethtool with so many bytes after its header.
template <class Header> class Command
{
      public:
	Command(uint32_t command, size_t more)
	    : words_((sizeof(Header) + more + sizeof(uint64_t) - 1) / sizeof(uint64_t))
	{
		header()->cmd = command;
	}
	Header *header() { return reinterpret_cast<Header *>(words_.data()); }
	char *after() { return reinterpret_cast<char *>(words_.data()) + sizeof(Header); }

      private:
	std::vector<uint64_t> words_;
};

static uint32_t feature_count(Ethtool &ethtool)
{
	Command<ethtool_sset_info> info(ETHTOOL_GSSET_INFO, sizeof(uint32_t));
	info.header()->sset_mask = 1ULL << ETH_SS_FEATURES;
	if (!ethtool.ask(info.header()) || info.header()->sset_mask == 0)
		return 0;
	uint32_t count;
	std::memcpy(&count, info.after(), sizeof(count));
	return std::min(count, features_max);
}

Napi::Value interface_features(const Napi::CallbackInfo &info)
{
	Napi::Object result = Napi::Object::New(info.Env());
	uint32_t ifindex = u32_argument(info[0], "ifindex", 1, INT32_MAX);
	char name[IF_NAMESIZE];
	if (!::if_indextoname(ifindex, name)) {
		Failure failure =
			refused("find", "interface with index " + std::to_string(ifindex), errno);
		failure.code = "INTERFACE_MISSING";
		throw failure;
	}
	Ethtool ethtool(name, ifindex);
	uint32_t count = feature_count(ethtool);
	if (count == 0)
		return result;

	Command<ethtool_gstrings> names(ETHTOOL_GSTRINGS, size_t{count} * ETH_GSTRING_LEN);
	names.header()->string_set = ETH_SS_FEATURES;
	names.header()->len = count;
	uint32_t blocks = (count + 31) / 32;
	Command<ethtool_gfeatures> features(ETHTOOL_GFEATURES,
					    size_t{blocks} * sizeof(ethtool_get_features_block));
	features.header()->size = blocks;
	if (!ethtool.ask(names.header()) || !ethtool.ask(features.header()))
		return result;
	// The kernel tells how much of the room it used.
	count = std::min(count, names.header()->len);
	blocks = std::min(blocks, features.header()->size);
	for (uint32_t i = 0; i < count && i / 32 < blocks; i++) {
		const char *text = names.after() + size_t{i} * ETH_GSTRING_LEN;
		std::string feature(text, ::strnlen(text, ETH_GSTRING_LEN));
		ethtool_get_features_block block;
		std::memcpy(&block, features.after() + size_t{i / 32} * sizeof(block),
			    sizeof(block));
		if (!feature.empty())
			result.Set(feature, (block.active >> (i % 32) & 1) != 0);
	}
	return result;
}

} // namespace unum
