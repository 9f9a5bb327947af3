/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * path_mtu.h - the largest outer packet that reaches an endpoint (RFC 1191, 8201).
 *
 * The least of what the egress interface and the kernel's route take, what the profile says, and what
 * routers on the way told: they send ICMP about our outer packets, which quotes their start. Such a
 * message is believed when its checksums are right and it quotes a packet that could be ours: from our
 * address to an endpoint, in its tunnel's protocol and port, with an entropy port, about a network that
 * the endpoint is a member of. It can only lower the MTU, never below what every path must take, and is
 * forgotten after ten minutes. The stack sees it too.
 */
#ifndef UNUM_PATH_MTU_H
#define UNUM_PATH_MTU_H

#include "geneve.h"
#include "icmp_message.h"
#include "inner.h"
#include "lookup.h"
#include "vxlan.h"

/* RFC 791: what every host takes; RFC 8200 section 5: what every link takes. */
#define PATH_MTU_MIN 576
#define PATH_MTU_MIN6 1280
/* RFC 1191 section 6.3, in units of 2^30 ns. */
#define PATH_MTU_UNITS 559

#define ENTROPY_PORT_FIRST 49152
#define ENTROPY_PORT_MASK 0x3fff

/* What routers told about an endpoint; 0: nothing that still holds. */
static __always_inline __u32 path_mtu_learned(__u32 endpoint)
{
	struct path_mtu learned = path_mtu_at(&path_mtus, endpoint);

	return learned.mtu && bpf_ktime_get_ns() >> 30 < learned.until ? learned.mtu : 0;
}

/* The largest inner packet that fits through the tunnel to endpoint, by a profile read before. */
__noinline __u32 tunnel_inner_mtu(__u32 slot, __u64 profile_bits, __u32 endpoint)
{
	union profile_word profile = {.word = profile_bits};
	const struct tunnel *tunnel = tunnel_get(slot);
	__u32 mtu, learned, overhead;

	if (!tunnel)
		return 0;
	mtu = tunnel->mtu;
	learned = path_mtu_learned(endpoint);
	overhead = overhead_bytes(tunnel->family, profile.value.encapsulation);
	if (profile.value.mtu && profile.value.mtu < mtu)
		mtu = profile.value.mtu;
	if (learned && learned < mtu)
		mtu = learned;
	return mtu < overhead ? 0 : mtu - overhead;
}

/* The start of the quoted packet after its IP header: UDP and a tunnel header, or NVGRE. */
struct quoted_tunnel {
	union {
		struct udphdr udp;
		struct nvgre_header nvgre;
	};
};

static __always_inline void path_mtu_store(__u32 endpoint, __u32 mtu)
{
	struct tunnel *tunnel =
		bpf_map_lookup_elem(&tunnels, &(__u32){endpoint_get(endpoint).tunnel});
	union path_mtu_word learned = {
		.value = {.mtu = mtu, .until = (bpf_ktime_get_ns() >> 30) + PATH_MTU_UNITS}};
	__u32 known = path_mtu_learned(endpoint);
	__u64 *word = bpf_map_lookup_elem(&path_mtus, &endpoint);

	if (!tunnel || mtu >= tunnel->mtu || (known && known < mtu))
		return;
	if (word && *(volatile __u64 *)word != learned.word)
		*(volatile __u64 *)word = learned.word;
}

/* Where the quote shows the tunnel header, it must name a network that the endpoint is in. */
static __always_inline bool quote_is_member(struct cursor *cursor, __u8 encapsulation,
					    const struct quoted_tunnel *quote, __u16 endpoint)
{
	struct member_slot member = {};
	const __u8 *header, *vni;

	if (encapsulation == ENCAPSULATION_NVGRE) {
		if (quote->nvgre.flags_and_version != bpf_htons(NVGRE_FLAG_KEY))
			return false;
		vni = quote->nvgre.vsid;
	} else {
		header = cursor_take(cursor, VXLAN_BYTES);
		if (!header)
			return true;
		vni = header + 4;
	}
	return member_find(vni_key_of(vni), endpoint, &member);
}

/* Of a tunnel of ours: its endpoint; 0: it is not. */
static __always_inline __u32 quote_endpoint(struct cursor *cursor, __u8 protocol, __u64 value)
{
	union source4_words source = {.words = {.value = value}};
	const struct quoted_tunnel *quote = cursor_take(cursor, sizeof(*quote));
	bool nvgre = source.fields.encapsulation == ENCAPSULATION_NVGRE;

	if (!value || !quote || protocol != (nvgre ? IPPROTO_GRE : IPPROTO_UDP))
		return 0;
	if (!nvgre && (quote->udp.dest != source.fields.port ||
		       bpf_ntohs(quote->udp.source) < ENTROPY_PORT_FIRST))
		return 0;
	if (!quote_is_member(cursor, source.fields.encapsulation, quote, source.fields.endpoint))
		return 0;
	return source.fields.endpoint;
}

/* ICMP to one of our addresses on an underlay port. */
__noinline int path_mtu_learn(struct xdp_md *ctx)
{
	struct cursor cursor = cursor_at(ctx, ETHERNET_BYTES);
	const struct iphdr *ip = cursor_take(&cursor, sizeof(*ip)), *quoted;
	const struct icmp_header *icmp = cursor_take(&cursor, sizeof(*icmp));
	union source4_words source = {};
	__u32 endpoint, mtu, length;

	if (!ip || !icmp || ip->version != 4 || ip->ihl != 5 || ip->protocol != IPPROTO_ICMP ||
	    ip->frag_off & bpf_htons(IPV4_FRAGMENT_MASK))
		return 0;
	if (icmp->type != ICMP_FRAGMENTATION_NEEDED >> 8 ||
	    icmp->code != (ICMP_FRAGMENTATION_NEEDED & 0xff))
		return 0;
	quoted = cursor_take(&cursor, sizeof(*quoted));
	length = bpf_ntohs(ip->tot_len);
	if (!quoted || quoted->version != 4 || quoted->ihl != 5 || quoted->saddr != ip->daddr ||
	    length < 2 * IPV4_BYTES + ICMP_BYTES + UDP_BYTES ||
	    checksum_fold(checksum_ipv4_sum(ip)) != 0xffff)
		return 0;
	mtu = bpf_ntohs(icmp->mtu);
	if (mtu < PATH_MTU_MIN || mtu >= bpf_ntohs(quoted->tot_len))
		return 0;
	if (!source_find(quoted->daddr, quoted->saddr, &source.fields))
		return 0;
	endpoint = quote_endpoint(&cursor, quoted->protocol, source.words.value);
	if (endpoint && frame_sum(ctx, ETHERNET_BYTES + IPV4_BYTES, length - IPV4_BYTES) == 0xffff)
		path_mtu_store(endpoint, mtu);
	return 0;
}

/* ICMPv6 likewise. */
__noinline int path_mtu_learn6(struct xdp_md *ctx)
{
	struct cursor cursor = cursor_at(ctx, ETHERNET_BYTES);
	const struct ipv6hdr *ip = cursor_take(&cursor, sizeof(*ip)), *quoted;
	const struct icmp6_header *icmp = cursor_take(&cursor, sizeof(*icmp));
	__u32 endpoint, mtu, length, sum;
	union service6_words service = {};
	union ip_address local, remote;

	if (!ip || !icmp || ip->version != 6 || ip->nexthdr != NEXT_ICMP6 ||
	    icmp->type != ICMP6_PACKET_TOO_BIG >> 8 || icmp->code)
		return 0;
	quoted = cursor_take(&cursor, sizeof(*quoted));
	length = bpf_ntohs(ip->payload_len);
	if (!quoted || quoted->version != 6 || !address6_equal(&quoted->saddr, &ip->daddr) ||
	    length < ICMP_BYTES + IPV6_BYTES + UDP_BYTES)
		return 0;
	mtu = bpf_ntohl(icmp->value);
	if (mtu < PATH_MTU_MIN6 || mtu >= IPV6_BYTES + bpf_ntohs(quoted->payload_len))
		return 0;
	address6_copy(&local, &quoted->saddr);
	address6_copy(&remote, &quoted->daddr);
	service.words.value = service6_find(service6_key(0, 0), &local);
	endpoint =
		quote_endpoint(&cursor, quoted->nexthdr, source6_find(service.fields.tag, &remote));
	if (!endpoint)
		return 0;
	sum = frame_sum(ctx, ETHERNET_BYTES + IPV6_BYTES, length);
	cursor = cursor_at(ctx, ETHERNET_BYTES);
	ip = cursor_take(&cursor, sizeof(*ip));
	if (ip && sum != FRAME_SUM_FAILED &&
	    checksum_fold(sum + checksum_pseudo6(&ip->saddr, &ip->daddr, NEXT_ICMP6, length)) ==
		    0xffff)
		path_mtu_store(endpoint, mtu);
	return 0;
}

/* What passes to the stack on an underlay port may be news of a path. */
static __always_inline void path_mtu_hear(struct xdp_md *ctx)
{
	struct cursor cursor = cursor_at(ctx, 0);
	const struct ethhdr *ethernet = cursor_take(&cursor, sizeof(*ethernet));

	if (!ethernet)
		return;
	if (ethertype_get(ethernet) == bpf_htons(ETH_P_IP))
		path_mtu_learn(ctx);
	else if (features.outer6 && ethertype_get(ethernet) == bpf_htons(ETH_P_IPV6))
		path_mtu_learn6(ctx);
}

#endif
