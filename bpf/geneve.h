/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * geneve.h - the Geneve header (RFC 8926 section 3.4): write it, read it.
 *
 * Sent without options. Received options are unknown here, all of them: they are skipped when their
 * lengths add up, and refused when one is critical, as section 3.5 asks.
 */
#ifndef UNUM_GENEVE_H
#define UNUM_GENEVE_H

#include "cursor.h"
#include "nvgre.h"
#include "packet.h"

#define GENEVE_VERSION_SHIFT 6
#define GENEVE_OPTIONS_MASK 0x3f /* in words of four bytes */
#define GENEVE_FLAG_CONTROL 0x80
#define GENEVE_FLAG_CRITICAL 0x40
#define GENEVE_OPTION_CRITICAL 0x80
#define GENEVE_OPTION_MASK 0x1f /* in words, after its header */
#define GENEVE_OPTIONS_MAX 63

struct geneve_header {
	__u8 version_and_length;
	__u8 flags;
	__be16 protocol;
	__u8 vni[3];
	__u8 reserved;
};

struct geneve_option {
	__be16 option_class;
	__u8 type;
	__u8 length;
};

static __always_inline void write_geneve(struct geneve_header *geneve, union vni_key vni)
{
	vni_word *words = (vni_word *)geneve;

	words[0] = bpf_htonl(ETHERTYPE_ETHERNET);
	words[1] = vni.word & bpf_htonl(0xffffff00);
}

static __always_inline outcome geneve_options(struct cursor *cursor, __u32 words)
{
	bool critical = false;

#pragma clang loop unroll(disable)
	for (int i = 0; i < GENEVE_OPTIONS_MAX; i++) {
		const struct geneve_option *option;
		__u32 body;

		if (!words)
			break;
		option = cursor_take(cursor, sizeof(*option));
		if (!option)
			return OUTCOME_DROP(DROP_MALFORMED);
		body = option->length & GENEVE_OPTION_MASK;
		if (body + 1 > words)
			return OUTCOME_DROP(DROP_BAD_TUNNEL_HEADER);
		critical |= option->type & GENEVE_OPTION_CRITICAL;
		words -= body + 1;
		cursor->at += body * 4;
	}
	return critical ? OUTCOME_DROP(DROP_CRITICAL_OPTION) : OUTCOME_CONTINUE;
}

/* Reads the header at cursor; bytes is what it takes up with its options, of room that there is. */
static __always_inline outcome read_geneve(struct cursor *cursor, __u32 room, union vni_key *vni,
					   __u32 *bytes)
{
	const struct geneve_header *geneve = cursor_take(cursor, sizeof(*geneve));
	bool critical;
	__u32 words;
	outcome end;

	if (!geneve)
		return OUTCOME_DROP(DROP_MALFORMED);
	words = geneve->version_and_length & GENEVE_OPTIONS_MASK;
	*bytes = GENEVE_BYTES + 4 * words;
	if (geneve->version_and_length >> GENEVE_VERSION_SHIFT ||
	    geneve->flags & GENEVE_FLAG_CONTROL)
		return OUTCOME_DROP(DROP_BAD_TUNNEL_HEADER);
	if (*bytes > room)
		return OUTCOME_DROP(DROP_MALFORMED);
	if (geneve->protocol != bpf_htons(ETHERTYPE_ETHERNET))
		return OUTCOME_DROP(DROP_UNSUPPORTED_INNER);
	*vni = vni_key_of(geneve->vni);
	if (vni->word == bpf_htonl(SLOT_USED))
		return OUTCOME_DROP(DROP_BAD_TUNNEL_HEADER);
	critical = geneve->flags & GENEVE_FLAG_CRITICAL;
	end = geneve_options(cursor, words);
	if (!end && critical)
		return OUTCOME_DROP(DROP_CRITICAL_OPTION);
	return end;
}

#endif
