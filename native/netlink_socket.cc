// SPDX-License-Identifier: Apache-2.0
// netlink_socket.cc - send a request, read its answer, within a bound of time.
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "error.hpp"
#include "netlink.hpp"

namespace unum
{

static constexpr int timeout_seconds = 5;
static constexpr int dump_tries = 10;
static constexpr size_t receive_bytes =
	128 * 1024; // kernel: at most 32 KiB, more for one huge link

static Failure broken(const std::string &subject, std::string reason, int error = 0)
{
	return Failure{.code = "NETLINK",
		       .operation = "ask the kernel for",
		       .subject = subject,
		       .reason = std::move(reason),
		       .error = error};
}

class Exchange
{
      public:
	Exchange(const std::string &subject, nlmsghdr *request, int protocol = NETLINK_ROUTE)
	    : subject_(subject)
	{
		static std::atomic<uint32_t> sequence;
		socket_.reset(mnl_socket_open2(protocol, SOCK_CLOEXEC));
		if (!socket_ || mnl_socket_bind(socket_.get(), 0, MNL_SOCKET_AUTOPID))
			throw refused("open a netlink socket for", subject, errno);
		timeval timeout{timeout_seconds, 0};
		::setsockopt(mnl_socket_get_fd(socket_.get()), SOL_SOCKET, SO_RCVTIMEO, &timeout,
			     sizeof(timeout));
		request->nlmsg_seq = sequence_ = ++sequence;
		if (mnl_socket_sendto(socket_.get(), request, request->nlmsg_len) < 0)
			throw refused("ask the kernel for", subject, errno, "CAP_NET_ADMIN");
	}

	// Reads to the end of the answer: 0 or the kernel's errno. EINTR: an inconsistent dump.
	int read(const OnMessage &on_message)
	{
		std::vector<char> buffer(receive_bytes);
		bool interrupted = false;
		for (;;) {
			ssize_t length =
				mnl_socket_recvfrom(socket_.get(), buffer.data(), buffer.size());
			if (length < 0 && errno == EINTR)
				continue;
			if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
				throw broken(subject_, "no answer within " +
							       std::to_string(timeout_seconds) +
							       " s");
			if (length < 0)
				throw broken(subject_, "", errno);
			int left = static_cast<int>(length);
			auto *message = reinterpret_cast<const nlmsghdr *>(buffer.data());
			for (; mnl_nlmsg_ok(message, left);
			     message = mnl_nlmsg_next(message, &left)) {
				if (message->nlmsg_seq != sequence_)
					continue;
				interrupted = interrupted || message->nlmsg_flags & NLM_F_DUMP_INTR;
				if (message->nlmsg_type == NLMSG_DONE)
					return interrupted ? EINTR : done(message);
				if (message->nlmsg_type == NLMSG_ERROR)
					return error(message);
				if (message->nlmsg_type < NLMSG_MIN_TYPE)
					continue;
				on_message(message);
				if (!(message->nlmsg_flags & NLM_F_MULTI) && !acknowledged_)
					return 0;
			}
		}
	}

	void expect_acknowledgement() { acknowledged_ = true; }

      private:
	static int error(const nlmsghdr *message)
	{
		if (mnl_nlmsg_get_payload_len(message) < sizeof(int))
			return EBADMSG;
		return -*static_cast<const int *>(mnl_nlmsg_get_payload(message));
	}

	// The end of a dump carries its error, too.
	static int done(const nlmsghdr *message)
	{
		return mnl_nlmsg_get_payload_len(message) < sizeof(int) ? 0 : error(message);
	}

	struct Close {
		void operator()(mnl_socket *socket) const { mnl_socket_close(socket); }
	};
	std::string subject_;
	std::unique_ptr<mnl_socket, Close> socket_;
	uint32_t sequence_ = 0;
	bool acknowledged_ = false;
};

void netlink_dump(const std::string &subject, uint16_t type, uint8_t family,
		  const std::function<void()> &restart, const OnMessage &on_message)
{
	// The family is the first byte of all four headers, of which ifinfomsg is the largest.
	ifinfomsg header = {};
	header.ifi_family = family;
	netlink_dump_of(subject, type, &header, sizeof(header), restart, on_message);
}

void netlink_dump_of(const std::string &subject, uint16_t type, const void *header, size_t size,
		     const std::function<void()> &restart, const OnMessage &on_message)
{
	for (int i = 0; i < dump_tries; i++) {
		alignas(nlmsghdr) char buffer[128] = {};
		nlmsghdr *request = mnl_nlmsg_put_header(buffer);
		request->nlmsg_type = type;
		request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
		std::memcpy(mnl_nlmsg_put_extra_header(request, size), header, size);
		restart();
		int error = Exchange(subject, request).read(on_message);
		if (error == 0)
			return;
		if (error != EINTR)
			throw broken(subject, "", error);
	}
	throw broken(subject,
		     "they changed during each of " + std::to_string(dump_tries) + " tries");
}

int netlink_ask(const std::string &subject, nlmsghdr *request, const OnMessage &on_message,
		int protocol)
{
	Exchange exchange(subject, request, protocol);
	if (request->nlmsg_flags & NLM_F_ACK)
		exchange.expect_acknowledgement();
	return exchange.read(on_message);
}

} // namespace unum
