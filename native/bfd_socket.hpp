// SPDX-License-Identifier: Apache-2.0
// bfd_socket.hpp - datagrams of BFD in batches: RFC 5881 (single hop, port 3784) and 5883 (multihop, port 4784), of both families,
// each with its TTL. For a thread that waits here and nowhere else; another thread wakes it.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

#include "fd.hpp"
#include "handle.hpp"

namespace unum
{

// An eventfd(2): what one thread is woken with by another.
class Wake : public Handle<Wake>
{
      public:
	static constexpr napi_type_tag type_tag = {0x1f7c0a6b9d5e4c21, 0xb0a3d52f8e914c07};
	static constexpr const char *kind = "Wake";
	static Napi::FunctionReference &constructor_of(Addon &addon) { return addon.wake; }

	using Handle::Handle;
	static Napi::Function define(Napi::Env env);

      private:
	friend class Handle<Wake>;

	static Napi::Value create(const Info &info);
	Napi::Value fd(const Info &info);
	Napi::Value wake(const Info &info);
	Napi::Value close(const Info &info);
	void check_open() const;

	Fd event_;
};

class BfdSocket : public Handle<BfdSocket>
{
      public:
	static constexpr napi_type_tag type_tag = {0x5d8e1b3c7a924f60, 0x8c47e9013bd25fa6};
	static constexpr const char *kind = "BfdSocket";
	static Napi::FunctionReference &constructor_of(Addon &addon) { return addon.bfd_socket; }

	using Handle::Handle;
	static Napi::Function define(Napi::Env env);

      private:
	friend class Handle<BfdSocket>;

	struct Receiver {
		Fd fd;
		bool multihop;
	};

	static Napi::Value open(const Info &info);
	Napi::Value add(const Info &info);
	Napi::Value receive(const Info &info);
	Napi::Value send(const Info &info);
	Napi::Value wait(const Info &info);
	Napi::Value close(const Info &info);
	void check_open() const;
	uint32_t receive_from(const Receiver &receiver, uint8_t *records, uint32_t room);
	uint32_t send_family(int fd, sa_family_t family, const uint8_t *records, uint32_t count);

	Fd wake_;
	std::vector<Receiver> receivers_;
	Fd sender4_;
	Fd sender6_;
	// Who is read first: a flood at one socket must not keep the others from being read.
	size_t first_ = 0;
};

// Lets the calling thread run before others of its machine where that is allowed.
Napi::Value favour_thread(const Napi::CallbackInfo &info);

} // namespace unum
