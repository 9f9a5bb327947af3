// SPDX-License-Identifier: Apache-2.0
// program_run.cc - run an XDP program on frames of ours (BPF_PROG_TEST_RUN).
#include <bpf/bpf.h>

#include <cerrno>
#include <ctime>
#include <optional>
#include <vector>

#include "arguments.hpp"
#include "program.hpp"

namespace unum
{

// The kernel gives a frame this much room in front (XDP_PACKET_HEADROOM), so it can grow by that.
static constexpr size_t headroom = 256;
// An Ethernet header; the largest frame with fragments is 64 KiB and something.
static constexpr size_t shortest = 14, longest = 128 * 1024;

// What a program sees of where the frame came from.
struct Arrival {
	std::optional<uint32_t> ifindex, queue;

	static Arrival from(const Napi::Value &ifindex, const Napi::Value &queue)
	{
		return {optional_u32_argument(ifindex, "ingressIfindex", 1, INT32_MAX),
			optional_u32_argument(queue, "rxQueue", 0, UINT16_MAX)};
	}

	// The context for a frame of that length, or none.
	bool fill(xdp_md &context, size_t length) const
	{
		context = {};
		context.data_end = static_cast<__u32>(length);
		context.ingress_ifindex = ifindex.value_or(0);
		context.rx_queue_index = queue.value_or(0);
		return ifindex.has_value();
	}
};

static Failure run_failed(const std::string &subject, int error, const Arrival &arrival)
{
	Failure failure = refused("run", subject, error, "CAP_BPF and CAP_NET_ADMIN");
	if (error == EINVAL && arrival.ifindex)
		failure.reason =
			"there is no interface " + std::to_string(*arrival.ifindex) +
			" with that receive queue here, or this kind of run is not possible";
	else if (error == ENODEV && arrival.ifindex)
		failure.reason = "there is no interface " + std::to_string(*arrival.ifindex);
	else if (error == ENOSPC)
		failure.reason = "the frame grew beyond the room for the result";
	return failure;
}

static void check_frame(size_t length, const std::string &which)
{
	if (length < shortest || length > longest)
		throw bad_argument(which, "expected " + std::to_string(shortest) + " to " +
						  std::to_string(longest) + " bytes, got " +
						  std::to_string(length));
}

// testRun(data, repeat, ingressIfindex?, rxQueue?, outBytes?)
Napi::Value Program::test_run(const Info &info)
{
	Napi::Env env = info.Env();
	int program = fd();
	Bytes data = bytes_argument(info[0], "data");
	check_frame(data.size(), "argument data");
	uint32_t repeat = u32_argument(info[1], "repeat", 1, INT32_MAX);
	Arrival arrival = Arrival::from(info[2], info[3]);
	uint32_t room = optional_u32_argument(info[4], "outBytes", 0, 1 << 20)
				.value_or(static_cast<uint32_t>(data.size() + headroom));

	std::vector<uint8_t> out(room);
	xdp_md context;
	LIBBPF_OPTS(bpf_test_run_opts, options);
	options.data_in = data.data();
	options.data_size_in = static_cast<__u32>(data.size());
	options.data_out = out.data();
	options.data_size_out = room;
	options.repeat = static_cast<int>(repeat);
	if (arrival.fill(context, data.size())) {
		options.ctx_in = &context;
		options.ctx_size_in = sizeof(context);
	}
	if (bpf_prog_test_run_opts(program, &options))
		throw run_failed(subject(), errno, arrival);

	Napi::Object result = Napi::Object::New(env);
	result.Set("verdict", options.retval);
	result.Set("data", copy_out(env, out.data(), options.data_size_out));
	result.Set("durationNs", options.duration);
	return result;
}

// testRunMany(data, lengths, ingressIfindex?, rxQueue?)
Napi::Value Program::test_run_many(const Info &info)
{
	Napi::Env env = info.Env();
	int program = fd();
	Bytes data = bytes_argument(info[0], "data");
	if (!info[1].IsTypedArray() ||
	    info[1].As<Napi::TypedArray>().TypedArrayType() != napi_uint32_array)
		throw bad_argument("argument lengths", "expected a Uint32Array");
	auto lengths = info[1].As<Napi::Uint32Array>();
	size_t count = lengths.ElementLength(), total = 0;
	for (size_t i = 0; i < count; i++) {
		check_frame(lengths[i], "frame " + std::to_string(i));
		total += lengths[i];
	}
	if (total != data.size())
		throw bad_argument("argument lengths",
				   "their sum is " + std::to_string(total) + ", but data has " +
					   std::to_string(data.size()) + " bytes");
	Arrival arrival = Arrival::from(info[2], info[3]);

	auto verdicts = Napi::Uint32Array::New(env, count);
	auto lengths_out = Napi::Uint32Array::New(env, count);
	std::vector<uint8_t> out(data.size() + count * 64 + headroom);
	size_t in_at = 0, out_at = 0;
	xdp_md context;
	LIBBPF_OPTS(bpf_test_run_opts, options);
	for (size_t i = 0; i < count; i++) {
		size_t room = lengths[i] + headroom;
		if (out.size() - out_at < room)
			out.resize(out.size() + out.size() / 2 + room);
		options.data_in = data.data() + in_at;
		options.data_size_in = lengths[i];
		options.data_out = out.data() + out_at;
		options.data_size_out = static_cast<__u32>(room);
		options.repeat = 1;
		if (arrival.fill(context, lengths[i])) {
			options.ctx_in = &context;
			options.ctx_size_in = sizeof(context);
		}
		if (bpf_prog_test_run_opts(program, &options))
			throw run_failed(subject() + " on frame " + std::to_string(i), errno,
					 arrival);
		verdicts[i] = options.retval;
		lengths_out[i] = options.data_size_out;
		in_at += lengths[i];
		out_at += options.data_size_out;
	}

	Napi::Object result = Napi::Object::New(env);
	result.Set("verdicts", verdicts);
	result.Set("data", copy_out(env, out.data(), out_at));
	result.Set("lengths", lengths_out);
	return result;
}

// testRunLive(data, repeat, batchSize?, ingressIfindex?, rxQueue?): frames really go where the
// program sends them. The kernel reports no time for this, so it is taken around the call.
Napi::Value Program::test_run_live(const Info &info)
{
	int program = fd();
	Bytes data = bytes_argument(info[0], "data");
	check_frame(data.size(), "argument data");
	uint32_t repeat = u32_argument(info[1], "repeat", 1, INT32_MAX);
	auto batch = optional_u32_argument(info[2], "batchSize", 1, 256);
	Arrival arrival = Arrival::from(info[3], info[4]);

	xdp_md context;
	LIBBPF_OPTS(bpf_test_run_opts, options);
	options.data_in = data.data();
	options.data_size_in = static_cast<__u32>(data.size());
	options.repeat = static_cast<int>(repeat);
	options.batch_size = batch.value_or(0);
	options.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
	if (arrival.fill(context, data.size())) {
		options.ctx_in = &context;
		options.ctx_size_in = sizeof(context);
	}
	timespec begin, end;
	::clock_gettime(CLOCK_MONOTONIC, &begin);
	if (bpf_prog_test_run_opts(program, &options))
		throw run_failed(subject(), errno, arrival);
	::clock_gettime(CLOCK_MONOTONIC, &end);

	Napi::Object result = Napi::Object::New(info.Env());
	result.Set("durationNs", (end.tv_sec - begin.tv_sec) * 1e9 +
					 static_cast<double>(end.tv_nsec - begin.tv_nsec));
	return result;
}

} // namespace unum
