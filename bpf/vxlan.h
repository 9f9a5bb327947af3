/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* vxlan.h - the VXLAN header (RFC 7348 section 5): write it, read it. */
#ifndef UNUM_VXLAN_H
#define UNUM_VXLAN_H

#include "packet.h"

#define VXLAN_FLAG_VNI 0x08

struct vxlan_header {
	__u8 flags;
	__u8 reserved1[3];
	__u8 vni[3];
	__u8 reserved2;
};

static __always_inline void write_vxlan(struct vxlan_header *vxlan, union vni_key vni)
{
	vni_word *words = (vni_word *)vxlan;

	words[0] = bpf_htonl(VXLAN_FLAG_VNI << 24);
	words[1] = vni.word & bpf_htonl(0xffffff00);
}

/* The VNI as a key; the reserved fields are ignored on receipt, as the RFC asks. */
static __always_inline bool read_vxlan(const struct vxlan_header *vxlan, union vni_key *vni)
{
	if (!(vxlan->flags & VXLAN_FLAG_VNI))
		return false;
	*vni = vni_key_of(vxlan->vni);
	return vni->word != bpf_htonl(SLOT_USED);
}

#endif
