// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Small programs and one map of each kind, for the tests of the addon. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 verdict = XDP_PASS;

#define MAP(map_name, map_type, entries, flags, key_type, value_type)                              \
	struct {                                                                                   \
		__uint(type, map_type);                                                            \
		__uint(max_entries, entries);                                                      \
		__uint(map_flags, flags);                                                          \
		__type(key, key_type);                                                             \
		__type(value, value_type);                                                         \
	} map_name SEC(".maps")

struct record {
	__u64 words[8];
};

struct prefix {
	__u32 length;
	__u32 address;
};

MAP(names, BPF_MAP_TYPE_HASH, 1000, BPF_F_NO_PREALLOC, __u64, __u32);
MAP(per_cpu_names, BPF_MAP_TYPE_PERCPU_HASH, 16, 0, __u32, __u32);
MAP(counters_with_a_long_name, BPF_MAP_TYPE_PERCPU_ARRAY, 5, 0, __u32, __u32);
MAP(numbers, BPF_MAP_TYPE_ARRAY, 70000, 0, __u32, __u32);
MAP(prefixes, BPF_MAP_TYPE_LPM_TRIE, 100, BPF_F_NO_PREALLOC, struct prefix, __u64);
MAP(words, BPF_MAP_TYPE_ARRAY, 10, BPF_F_MMAPABLE, __u32, __u64);
MAP(records, BPF_MAP_TYPE_ARRAY, 10, BPF_F_MMAPABLE, __u32, struct record);
MAP(odd, BPF_MAP_TYPE_ARRAY, 10, BPF_F_MMAPABLE, __u32, __u8[13]);

/* Adds one to words[ifindex % 10], so that a test sees where a frame came from. */
SEC("xdp")
int count_and_judge(struct xdp_md *xdp)
{
	__u32 key = xdp->ingress_ifindex % 10;
	__u64 *word = bpf_map_lookup_elem(&words, &key);

	if (word)
		__sync_fetch_and_add(word, 1);
	return verdict;
}

/* Puts 50 bytes before the frame, all ones. */
SEC("xdp")
int grow(struct xdp_md *xdp)
{
	if (bpf_xdp_adjust_head(xdp, -50))
		return XDP_ABORTED;
	unsigned char *data = (void *)(long)xdp->data, *end = (void *)(long)xdp->data_end;

	if (data + 50 > end)
		return XDP_ABORTED;
	for (int i = 0; i < 50; i++)
		data[i] = 0xff;
	return XDP_TX;
}

SEC("xdp")
int drop(struct xdp_md *xdp __attribute__((unused)))
{
	return XDP_DROP;
}

/* A frame may be in several pieces: the kernel refuses to replace a program that allows it less. */
SEC("xdp.frags")
int drop_in_pieces(struct xdp_md *xdp __attribute__((unused)))
{
	return XDP_DROP;
}

SEC("socket")
int no_xdp(struct __sk_buff *buffer __attribute__((unused)))
{
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
