/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* nvgre.h - the GRE header with a key as NVGRE has it (RFC 7637 section 3.2): write it, read it. */
#ifndef UNUM_NVGRE_H
#define UNUM_NVGRE_H

#include "packet.h"

#define NVGRE_FLAG_KEY 0x2000
#define ETHERTYPE_ETHERNET 0x6558

struct nvgre_header {
	__be16 flags_and_version;
	__be16 protocol;
	__u8 vsid[3];
	__u8 flow_id;
};

static __always_inline void write_nvgre(struct nvgre_header *nvgre, union vni_key vni, __u8 flow_id)
{
	vni_word *words = (vni_word *)nvgre;

	words[0] = bpf_htonl(NVGRE_FLAG_KEY << 16 | ETHERTYPE_ETHERNET);
	words[1] = (vni.word & bpf_htonl(0xffffff00)) | bpf_htonl(flow_id);
}

/* No checksum, no sequence number, version 0: the RFC has them zero. The flow id is the sender's. */
static __always_inline outcome read_nvgre(const struct nvgre_header *nvgre, union vni_key *vni)
{
	if (nvgre->flags_and_version != bpf_htons(NVGRE_FLAG_KEY))
		return OUTCOME_DROP(DROP_BAD_TUNNEL_HEADER);
	if (nvgre->protocol != bpf_htons(ETHERTYPE_ETHERNET))
		return OUTCOME_DROP(DROP_UNSUPPORTED_INNER);
	*vni = vni_key_of(nvgre->vsid);
	return vni->word == bpf_htonl(SLOT_USED) ? OUTCOME_DROP(DROP_BAD_TUNNEL_HEADER)
						 : OUTCOME_CONTINUE;
}

#endif
