// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* A value of each kind of C type, and a map of each kind, for the tests of what shows them. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define MAP(map_name, map_type, entries, flags, key_type, value_type)                              \
	struct {                                                                                   \
		__uint(type, map_type);                                                            \
		__uint(max_entries, entries);                                                      \
		__uint(map_flags, flags);                                                          \
		__type(key, key_type);                                                             \
		__type(value, value_type);                                                         \
	} map_name SEC(".maps")

#define BARE(map_name, map_type, entries, flags, key_bytes, value_bytes)                           \
	struct {                                                                                   \
		__uint(type, map_type);                                                            \
		__uint(max_entries, entries);                                                      \
		__uint(map_flags, flags);                                                          \
		__uint(key_size, key_bytes);                                                       \
		__uint(value_size, value_bytes);                                                   \
	} map_name SEC(".maps")

enum colour {
	RED,
	GREEN = 7,
	BLUE = -3,
	ALSO_GREEN = 7
};
enum flags {
	FLAG_NONE,
	FLAG_ALL = 0xffffffff
};
enum __attribute__((packed)) tiny {
	TINY_LOW,
	TINY_HIGH = 200
};
enum __attribute__((packed)) small {
	SMALL_LOW = -1,
	SMALL_HIGH = 1000
};

typedef __u32 number;
typedef const volatile number *number_pointer;
typedef char letter;
typedef struct {
	number x, y;
} point;
struct unknown;

struct integers {
	__u8 u8;
	__s8 s8;
	__u16 u16;
	__s16 s16;
	__u32 u32;
	__s32 s32;
	__u64 u64;
	__s64 s64;
	unsigned __int128 u128;
	__int128 s128;
	_Bool yes, no;
	char c;
	signed char sc;
	unsigned char uc;
	long l;
	unsigned long long ull;
};

struct bitfields {
	__u32 low : 3, middle : 7, one : 1, rest : 21;
	__s32 negative : 5, other : 27;
	__u64 wide : 33, wider : 31;
	__u8 byte : 8;
	enum colour colour : 4;
	_Bool flag : 1;
	__u16 : 3;
	__u16 last : 9;
};

struct enumerations {
	enum colour colour, colours[3];
	enum flags flags;
	enum tiny tiny;
	enum small small;
	enum {
		LOCAL_ONE = 1,
		LOCAL_TWO
	} local;
};

struct pointers {
	void *nothing;
	const char *text;
	int (*function)(int, const char *, ...);
	struct unknown *opaque;
	number_pointer chain;
	struct pointers *self;
	void *restrict *both;
};

struct arrays {
	char text[16];
	char four[4];
	const char fixed[8];
	letter letters[8];
	signed char signed_text[4];
	unsigned char bytes[5];
	__u16 empty[0];
	int grid[2][3];
	char lines[2][6];
	point points[2];
	void *pointers[2];
	number numbers[1];
};

struct nested {
	struct {
		int a;
		union {
			int b;
			__u8 c[4];
			struct {
				__u16 low, high;
			};
		};
	};
	union {
		__u64 word;
		point point;
	} either;
	struct inner {
		const volatile point at;
		struct {
			char name[6];
		} deep[2];
	} inner;
	point last;
};

/* What is after the float is not shown. */
struct floats {
	int before;
	float f;
	double d;
	int after;
};

struct packed {
	__u8 a;
	__u32 b;
	__u64 c;
} __attribute__((packed));

struct wide_key {
	__u32 bits;
	__u8 bytes[20];
};

struct prefix {
	__u32 length;
	__u8 address[4];
};

MAP(integers, BPF_MAP_TYPE_HASH, 32, 0, __u32, struct integers);
MAP(bitfields, BPF_MAP_TYPE_HASH, 32, 0, __u32, struct bitfields);
MAP(enumerations, BPF_MAP_TYPE_HASH, 32, 0, enum colour, struct enumerations);
MAP(pointers, BPF_MAP_TYPE_HASH, 32, 0, __u32, struct pointers);
MAP(arrays, BPF_MAP_TYPE_HASH, 32, 0, __u32, struct arrays);
MAP(nested, BPF_MAP_TYPE_HASH, 32, 0, point, struct nested);
MAP(floats, BPF_MAP_TYPE_HASH, 32, 0, __u32, struct floats);
MAP(packed, BPF_MAP_TYPE_LRU_HASH, 32, 0, struct packed, struct packed);
MAP(texts, BPF_MAP_TYPE_HASH, 32, 0, struct wide_key, char[12]);
MAP(grids, BPF_MAP_TYPE_ARRAY, 3, 0, __u32, int[2][2][2]);
MAP(prefixes, BPF_MAP_TYPE_LPM_TRIE, 32, BPF_F_NO_PREALLOC, struct prefix, number);
MAP(per_cpu_array, BPF_MAP_TYPE_PERCPU_ARRAY, 3, 0, __u32, point);
MAP(per_cpu_hash, BPF_MAP_TYPE_PERCPU_HASH, 32, 0, __u32, struct packed);
MAP(per_cpu_lru, BPF_MAP_TYPE_LRU_PERCPU_HASH, 32, 0, __u32, struct floats);
BARE(bare_small, BPF_MAP_TYPE_HASH, 32, 0, 4, 8);
BARE(bare_line, BPF_MAP_TYPE_HASH, 32, 0, 8, 16);
BARE(bare_middle, BPF_MAP_TYPE_HASH, 32, 0, 12, 16);
BARE(bare_large, BPF_MAP_TYPE_HASH, 32, 0, 17, 40);
BARE(bare_per_cpu, BPF_MAP_TYPE_PERCPU_HASH, 32, 0, 4, 5);
/* More than are read at once. */
BARE(bare_many, BPF_MAP_TYPE_ARRAY, 5000, 0, 4, 2);
BARE(bare_per_cpu_large, BPF_MAP_TYPE_PERCPU_ARRAY, 2, 0, 4, 24);
BARE(queue, BPF_MAP_TYPE_QUEUE, 4, 0, 0, 4);
BARE(stack, BPF_MAP_TYPE_STACK, 4, 0, 0, 8);
BARE(bloom, BPF_MAP_TYPE_BLOOM_FILTER, 4, 0, 0, 8);
BARE(ring, BPF_MAP_TYPE_RINGBUF, 4096, 0, 0, 0);
BARE(perf, BPF_MAP_TYPE_PERF_EVENT_ARRAY, 2, 0, 4, 4);
BARE(stacks, BPF_MAP_TYPE_STACK_TRACE, 4, 0, 4, 64);
BARE(devices, BPF_MAP_TYPE_DEVMAP, 4, 0, 4, 4);
BARE(device_hash, BPF_MAP_TYPE_DEVMAP_HASH, 4, 0, 4, 8);
BARE(cpus, BPF_MAP_TYPE_CPUMAP, 2, 0, 4, 4);
BARE(sockets, BPF_MAP_TYPE_SOCKMAP, 2, 0, 4, 8);
BARE(programs, BPF_MAP_TYPE_PROG_ARRAY, 4, 0, 4, 4);

struct room {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} room SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 3);
	__type(key, __u32);
	__array(values, struct room);
} rooms SEC(".maps") = {.values = {[1] = &room}};

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 3);
	__type(key, __u32);
	__array(values, struct room);
} rooms_by_name SEC(".maps") = {.values = {[2] = &room}};

/* Constants and variables are maps, too. */
const volatile struct integers constants = {.u8 = 1, .s8 = -1, .yes = 1, .c = 'c'};
const volatile char bpf_metadata_author[] = "\"somebody\\";
const volatile int bpf_metadata_version = 7;
const volatile __int128 bpf_metadata_big = 255;
static volatile int hidden = -5;
volatile point here = {3, 4};
volatile __u64 zeros[3];

SEC("xdp")
int a_name_that_the_kernel_cuts(struct xdp_md *xdp)
{
	hidden++;
	zeros[0] += here.x + constants.u8 + bpf_metadata_author[0] + bpf_metadata_version +
		    bpf_metadata_big;
	bpf_tail_call(xdp, &programs, 2);
	return XDP_PASS;
}

SEC("xdp")
int short_name(struct xdp_md *xdp)
{
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
