"""What came to pickle release by release, held on every interpreter: which tests hold it, and those that stand nowhere else."""
import functools
import glob
import io
import os
import re
import struct
import sys
import types

import pytest

import zoo

only = pytest.mark.only
since = pytest.mark.since
HERE = os.path.dirname(os.path.abspath(__file__))

# Each change in behaviour since 3.8, in the order of the releases, and the tests that hold the engine to it.
# The bytes of every one that shows in bytes are also in the golden files.
CHANGES = [
    ('3.8: protocol 5', 'test_protocol_5 test_in_band test_out_of_band test_buffers'),
    ('3.8: reducer_override', 'test_reducer_override test_reducer_override_on_the_instance test_reducer_override_that_fails'),
    ('3.8: a sixth reduce item sets the state', 'test_state_setter test_reduce_order_of_stages'),
    ('3.8: atoms come before any check of the recursion', 'test_atoms_need_no_room_on_the_stack'),
    ('3.8: frames start anew after each dump', 'test_frames_start_anew'),
    ('3.8: protocol 0 escapes CR, NUL and 0x1a', 'test_what_protocol_0_escapes'),
    ('3.9: loads takes its data by position only', 'test_loads_takes_data_by_position_only test_signatures'),
    ('3.9: a memo number that is missing is named', 'test_memo_that_was_never_put_is_named'),
    ('3.9: files without readinto', 'test_a_file_without_readinto'),
    ('3.10: __mp_main__ is no module to find functions in', 'test_mp_main_is_passed_over'),
    ('3.10: what is invalid in NEWOBJ_EX raises', 'test_newobj_wants_classes_and_tuples test_reading test_writing_to_a_file'),
    ('3.10: heap types in protocols 0 and 1 raise', 'test_types_made_in_c_are_refused_by_old_protocols'),
    ('3.11: object.__getstate__', 'test_getstate_wherever_it_is test_changes_to_a_class_are_noticed'),
    ('3.13: nested names below protocol 4', 'test_nested_names_below_protocol_4'),
    ('3.13: __reduce_ex__ = None is a TypeError', 'test_writing_to_a_file'),
    ('3.14: notes say where', 'test_writing_to_a_file test_notes_are_added_to_those_there_are test_notes_cannot_hurt'),
    ('3.14: more failures are PicklingErrors, with the original in their context', 'test_writing_to_a_file'),
    ('3.14: super objects', 'test_super_objects'),
    ('3.14: INT and LONG in base 10 only', 'test_numbers_in_base_10_only'),
    ('3.15: how a last batch is written', 'test_bytes_are_the_newest_everywhere test_items_come_in_batches'),
    ('3.15: a sparse memo', 'test_sparse_memo_allocates_nothing test_sparse_memo_numbers_are_found_again'),
    ('3.15: long arguments are read step by step', 'test_declared_lengths_allocate_nothing'),
    ('3.15: private classes and methods by name', 'test_private_names'),
    ('3.15: frozendict', 'test_bytes_are_the_interpreters test_round_trip'),
    ('3.15: INT takes 00 and 01 only as bools', 'test_int_takes_only_two_spellings_as_bools'),
    ('late: frames are enforced', 'test_frames_are_enforced test_arguments_that_begin_behind_a_frame'),
    ('late: no dump inside a dump, no load inside a load', 'test_dump_from_reduce test_init_from_reduce test_load_from_reduce test_load_from_read'),
    ('late: a buffer in band is memoized as itself', 'test_in_band_is_memoized_on_the_buffer'),
    ('late: Unpickler.memo.clear() leaves a usable unpickler', 'test_memo_cleared_leaves_a_usable_unpickler'),
]


@pytest.mark.parametrize('change, names', CHANGES, ids=[change for change, _ in CHANGES])
def test_every_change_has_its_tests(change, names):
    there = set()
    for path in glob.glob(os.path.join(HERE, 'test_*.py')):
        with io.open(path, encoding='utf-8') as file:
            there.update(re.findall(r'(?m)^def (test_\w+)', file.read()))
    assert not set(names.split()) - there


# ---- 3.8

def room_needed(call):
    """How many calls of a Python function have to be given back, at the recursion limit, until this one gets through."""
    refused = []

    def down():
        try:
            down()
        except RecursionError:
            try:
                call()
            except RecursionError:
                refused.append(True)
                raise

    down()
    return len(refused)


@only('engine', 'stdlib')
@since((3, 8))
def test_atoms_need_no_room_on_the_stack(impl):
    nothing = room_needed(functools.partial(sorted, ()))
    for atom in (None, True, 5, 1 << 40, 1.5, 'text', b'bytes', ()):
        assert room_needed(functools.partial(impl.dumps, atom, 4)) <= nothing
    if impl.name == 'engine':
        assert room_needed(functools.partial(impl.dumps, [{'a': ([],)}], 4)) <= nothing


@only('engine', 'stdlib')
@since((3, 8))
def test_frames_start_anew(impl):
    out = io.BytesIO()
    pickler = impl.Pickler(out, 4)
    for obj in (['first' * 30], ['second' * 30, (x for x in ())], ['third' * 20000, (x for x in ())], ['last' * 30]):
        pickler.clear_memo()
        out.seek(0)
        out.truncate()
        try:
            pickler.dump(obj)
        except TypeError:
            continue
        assert out.getvalue() == impl.dumps(obj, 4)
    assert impl.loads(out.getvalue()) == ['last' * 30]


@only('engine', 'stdlib')
@since((3, 8))
def test_what_protocol_0_escapes(impl):
    assert impl.dumps('a\r\0\x1a\n\\\x80\u0100b', 0) == b'Va\\u000d\\u0000\\u001a\\u000a\\u005c\x80\\u0100b\np0\n.'
    for code in range(256):
        assert impl.loads(impl.dumps('x%sy' % chr(code), 0)) == 'x%sy' % chr(code)


# ---- 3.10

@only('engine', 'stdlib')
@since((3, 15))
def test_mp_main_is_passed_over(impl):
    """A process that multiprocessing has spawned knows its main module under both names. (CPython's engine: since 3.15.)"""
    def nameless():
        pass

    nameless.__qualname__ = nameless.__name__
    nameless.__module__ = None
    modules = [types.ModuleType(name) for name in ('__mp_main__', 'test_newest_other')]
    for module in modules:
        module.nameless = nameless
        sys.modules[module.__name__] = module
    try:
        assert impl.dumps(nameless, 2) == b'\x80\2ctest_newest_other\nnameless\nq\0.'
    finally:
        for module in modules:
            del sys.modules[module.__name__]


@only('engine', 'stdlib')
def test_types_made_in_c_are_refused_by_old_protocols(impl):
    """Up to 3.9 those that are heap types were written without what they hold: that is copyreg's, so the interpreter's own."""
    for protocol in (0, 1):
        for obj in (struct.Struct('i'), io.BytesIO(), memoryview(b'')):
            with pytest.raises(TypeError):
                impl.dumps(obj, protocol)


# ---- 3.11

class States(object):
    """Its state comes from object.__getstate__, or from what went before it."""
    __slots__ = ('slot', '__dict__')
    asked = 0

    def __getstate__(self):
        States.asked += 1
        if hasattr(object, '__getstate__'):
            return super(States, self).__getstate__()
        return dict(self.__dict__), {'slot': self.slot}


def test_getstate_wherever_it_is(impl, proto):
    if proto < 2:
        pytest.skip('slots need protocol 2')
    obj = States()
    obj.slot, obj.attribute = 1, 2
    States.asked = 0
    back = impl.loads(impl.dumps(obj, proto))
    assert (back.slot, back.attribute, States.asked) == (1, 2, 1)
    plain = zoo.Plain(a=1)
    plain.__getstate__ = lambda: {'b': 2}  # an attribute like any other, so the instance's counts
    assert vars(impl.loads(impl.dumps(plain, proto))) == {'b': 2}


# ---- 3.14

class Parent(object):
    def who(self):
        return 'parent of', self

    @classmethod
    def which(cls):
        return 'parent of', cls


class Child(Parent):
    def who(self):
        return 'child', self

    @classmethod
    def which(cls):
        return 'child', cls


@only('engine', 'stdlib')
@since((3, 14))
def test_super_objects(impl, proto):
    child = Child()
    same, bound = impl.loads(impl.dumps([child, super(Child, child)], proto))
    assert type(bound) is super and bound.__thisclass__ is Child and bound.__self__ is same
    assert bound.who() == ('parent of', same)
    bound = impl.loads(impl.dumps(super(Child, Child), proto))
    assert type(bound) is super and bound.which() == ('parent of', Child)
    free = impl.loads(impl.dumps(super(Child), proto))
    assert type(free) is super and free.__thisclass__ is Child and free.__self__ is None
    if proto == 2:
        module = __name__.encode()
        assert impl.dumps(super(Child), 2) == b'\x80\2c__builtin__\nsuper\nq\0c' + module + b'\nChild\nq\1N\x86q\2Rq\3.'


# ---- 3.15

@only('engine', 'stdlib')
@since((3, 15))
def test_private_names(impl, proto):
    outer = zoo.Outer(7)
    assert impl.loads(impl.dumps(outer.get_hidden(), proto))() == ('hidden', 7)
    assert impl.loads(impl.dumps(zoo.Outer.get_secret(), proto)) is zoo.Outer.get_secret()
    assert impl.loads(impl.dumps(zoo.Outer.get_quiet(), proto))() == 'quiet'
