// Arrays, dictionaries, sets and sorting.
%builtins output range_check

from starkware.cairo.common.alloc import alloc
from starkware.cairo.common.copy_indices import copy_indices
from starkware.cairo.common.default_dict import default_dict_finalize, default_dict_new
from starkware.cairo.common.dict import dict_read, dict_squash, dict_update, dict_write
from starkware.cairo.common.dict_access import DictAccess
from starkware.cairo.common.find_element import find_element, search_sorted, search_sorted_lower
from starkware.cairo.common.memcpy import memcpy
from starkware.cairo.common.memset import memset
from starkware.cairo.common.registers import get_fp_and_pc
from starkware.cairo.common.segments import relocate_segment
from starkware.cairo.common.serialize import serialize_word
from starkware.cairo.common.set import set_add
from starkware.cairo.common.squash_dict import squash_dict
from starkware.cairo.common.usort import usort

struct Entry {
    key: felt,
    value: felt,
}

func dictionaries{output_ptr: felt*, range_check_ptr}() {
    alloc_locals;
    let (local start: DictAccess*) = default_dict_new(default_value=17);
    let end = start;
    turns{dict=end}(24);
    let (value) = dict_read{dict_ptr=end}(key=3);
    serialize_word(value);
    let (finished_start, finished_end) = default_dict_finalize(start, end, 17);
    serialize_word((finished_end - finished_start) / DictAccess.SIZE);

    // Keys far apart, which are squashed in another way.
    let (local other: DictAccess*) = default_dict_new(default_value=0);
    let big = other;
    dict_write{dict_ptr=big}(key=-7, new_value=1);
    dict_write{dict_ptr=big}(key=2 ** 200, new_value=2);
    dict_update{dict_ptr=big}(key=-7, prev_value=1, new_value=3);
    dict_write{dict_ptr=big}(key=5, new_value=4);
    let (squashed_start, squashed_end) = dict_squash(other, big);
    serialize_word((squashed_end - squashed_start) / DictAccess.SIZE);
    return ();
}

func turns{dict: DictAccess*}(left: felt) {
    alloc_locals;
    if (left == 0) {
        return ();
    }
    let (old) = dict_read{dict_ptr=dict}(key=left * left - 20 * left + 100);
    dict_write{dict_ptr=dict}(key=left * left - 20 * left + 100, new_value=old + left);
    return turns(left - 1);
}

func accesses{range_check_ptr}() -> (count: felt) {
    alloc_locals;
    let (local list: DictAccess*) = alloc();
    assert list[0] = DictAccess(key=4, prev_value=0, new_value=1);
    assert list[1] = DictAccess(key=1, prev_value=5, new_value=6);
    assert list[2] = DictAccess(key=4, prev_value=1, new_value=9);
    assert list[3] = DictAccess(key=4, prev_value=9, new_value=9);
    let (local squashed: DictAccess*) = alloc();
    let (end) = squash_dict(list, list + 4 * DictAccess.SIZE, squashed);
    return (count=(end - squashed) / DictAccess.SIZE);
}

func sets{range_check_ptr}() -> (count: felt) {
    alloc_locals;
    let (local first: Entry*) = alloc();
    let end = cast(first, felt*);
    add{end=end}(first, 3, 30);
    add{end=end}(first, 4, 40);
    add{end=end}(first, 3, 30);
    add{end=end}(first, 5, 50);
    add{end=end}(first, 4, 40);
    return (count=(end - cast(first, felt*)) / Entry.SIZE);
}

func add{range_check_ptr, end: felt*}(first: Entry*, key: felt, value: felt) {
    alloc_locals;
    let (__fp__, _) = get_fp_and_pc();
    local element: Entry = Entry(key=key, value=value);
    set_add{set_end_ptr=end}(
        set_ptr=cast(first, felt*), elm_size=Entry.SIZE, elm_ptr=cast(&element, felt*)
    );
    return ();
}

func searches{output_ptr: felt*, range_check_ptr}() {
    alloc_locals;
    let (local list: Entry*) = alloc();
    assert list[0] = Entry(key=2, value=20);
    assert list[1] = Entry(key=5, value=50);
    assert list[2] = Entry(key=9, value=90);
    let (found: Entry*) = find_element(list, Entry.SIZE, 3, 5);
    serialize_word(found.value);
    let (there: Entry*, success) = search_sorted(list, Entry.SIZE, 3, 9);
    serialize_word(there.value + success);
    let (missing: Entry*, none) = search_sorted(list, Entry.SIZE, 3, 4);
    serialize_word(none);
    let (lower: Entry*) = search_sorted_lower(list, Entry.SIZE, 3, 6);
    serialize_word(lower.value);
    return ();
}

func sorting{output_ptr: felt*, range_check_ptr}() {
    alloc_locals;
    let (local input: felt*) = alloc();
    assert input[0] = 30;
    assert input[1] = 7;
    assert input[2] = 7;
    assert input[3] = 12;
    assert input[4] = 30;
    assert input[5] = 7;
    let (count, output, multiplicities) = usort(6, input);
    serialize_word(count);
    serialize_word(output[2]);
    serialize_word(multiplicities[0]);
    return ();
}

func copies{output_ptr: felt*}() {
    alloc_locals;
    let (local source: felt*) = alloc();
    memset(source, 8, 5);
    let (local to: felt*) = alloc();
    memcpy(to, source, 5);
    let (local indices: felt*) = alloc();
    assert indices[0] = 4;
    assert indices[1] = 0;
    let (local chosen: felt*) = alloc();
    copy_indices(chosen, source, indices, 2);
    serialize_word(chosen[1] + to[4]);
    return ();
}

func temporary{output_ptr: felt*}() {
    alloc_locals;
    local first: felt*;
    %{ ids.first = segments.add_temp_segment() %}
    assert first[0] = 11;
    assert first[1] = 22;
    let (local place: felt*) = alloc();
    assert place[0] = 9;
    local second = first[1];
    relocate_segment(first, place + 1);
    serialize_word(second);
    return ();
}

func main{output_ptr: felt*, range_check_ptr}() {
    alloc_locals;
    dictionaries();
    let (count) = accesses();
    serialize_word(count);
    let (members) = sets();
    serialize_word(members);
    searches();
    sorting();
    copies();
    temporary();
    return ();
}
