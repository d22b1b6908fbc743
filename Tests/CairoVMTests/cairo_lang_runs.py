"""Runs programs in cairo-lang's machine, for tests that compare it with Prytany's.

usage: cairo_lang_runs.py cells < PROGRAMS > RUNS
       cairo_lang_runs.py sources FOLDER SOURCE...

`cells` reads one JSON object a line (MachineText.line in MachineText.swift writes them) and
prints one line for each. `sources` compiles each Cairo 0 source and runs it, and leaves the
compiled program, the trace, the memory and what `cairo-run` prints of its builtins in the folder.
"""

import json
import os
import sys

from starkware.cairo.lang.builtins.bitwise.bitwise_builtin_runner import BitwiseBuiltinRunner
from starkware.cairo.lang.builtins.bitwise.instance_def import BitwiseInstanceDef
from starkware.cairo.lang.builtins.ec.ec_op_builtin_runner import EcOpBuiltinRunner
from starkware.cairo.lang.builtins.ec.instance_def import EcOpInstanceDef
from starkware.cairo.lang.builtins.hash.hash_builtin_runner import HashBuiltinRunner
from starkware.cairo.lang.builtins.keccak.instance_def import KeccakInstanceDef
from starkware.cairo.lang.builtins.keccak.keccak_builtin_runner import KeccakBuiltinRunner
from starkware.cairo.lang.builtins.poseidon.instance_def import PoseidonInstanceDef
from starkware.cairo.lang.builtins.poseidon.poseidon_builtin_runner import PoseidonBuiltinRunner
from starkware.cairo.lang.builtins.range_check.range_check_builtin_runner import (
    RangeCheckBuiltinRunner,
)
from starkware.cairo.lang.builtins.signature.signature_builtin_runner import (
    SignatureBuiltinRunner,
)
from starkware.cairo.lang.cairo_constants import DEFAULT_PRIME
from starkware.cairo.lang.compiler.cairo_compile import compile_cairo_files
from starkware.cairo.lang.compiler.instruction import Instruction, Register
from starkware.cairo.lang.compiler.program import Program, StrippedProgram
from starkware.cairo.lang.vm.cairo_run import write_binary_memory, write_binary_trace
from starkware.cairo.lang.vm.cairo_runner import CairoRunner, process_ecdsa, verify_ecdsa_sig
from starkware.cairo.lang.vm.crypto import pedersen_hash
from starkware.cairo.lang.vm.memory_dict import (
    InconsistentMemoryError,
    MemoryDict,
    UnknownMemoryError,
)
from starkware.cairo.lang.vm.memory_segments import MemorySegmentManager
from starkware.cairo.lang.vm.relocatable import RelocatableValue
from starkware.cairo.lang.vm.vm_core import RunContext, VirtualMachine
from starkware.cairo.lang.vm.vm_exceptions import (
    InconsistentAutoDeductionError,
    PureValueError,
    VmException,
)

OFFSET_LIMIT = 2**62


class Refused(Exception):
    """What cairo-lang lets pass and Prytany does not; each is named in CairoVM.md."""

    def __init__(self, kind):
        super().__init__(kind)
        self.kind = kind


def check_value(value):
    if isinstance(value, RelocatableValue) and value.offset >= OFFSET_LIMIT:
        raise Refused("offset")


class Machine(VirtualMachine):
    """cairo-lang's machine, which stops at once where it would fail only when the run ends, or
    where cairo-vm has a rule of its own."""

    def as_vm_exception(self, exc, with_traceback=True, notes=None, hint_index=None):
        # Tracebacks cost most of a failing run.
        return super().as_vm_exception(exc, with_traceback=False, notes=notes)

    def decode_current_instruction(self):
        try:
            instruction = super().decode_current_instruction()
        except VmException as error:
            if isinstance(error.inner_exc, UnknownMemoryError):
                raise
            # The decoder asserts, and looks flags up in tables.
            raise Refused("instruction") from None
        at_ap = instruction.dst_register is Register.AP
        if instruction.opcode is Instruction.Opcode.CALL:
            is_usual = (
                (instruction.off0, instruction.off1) == (0, 1)
                and at_ap
                and instruction.op0_register is Register.AP
            )
        elif instruction.opcode is Instruction.Opcode.RET:
            is_usual = (
                (instruction.off0, instruction.off2) == (-2, -1)
                and not at_ap
                and instruction.op1_addr is Instruction.Op1Addr.FP
                and instruction.res is Instruction.Res.OP1
                and instruction.pc_update is Instruction.PcUpdate.JUMP
            )
        else:
            is_usual = True
        if not is_usual:
            raise Refused("instruction")
        return instruction

    def compute_operands(self, instruction):
        operands, addresses = super().compute_operands(instruction)
        for address in addresses:
            if not isinstance(address, RelocatableValue):
                raise Refused("number as address")
            check_value(address)
            if address.segment_index == 0 and address.offset >= len(self.program.data):
                raise Refused("behind the program")
        for value in (operands.dst, operands.op0, operands.op1, operands.res):
            check_value(value)
        return operands, addresses

    def check_registers(self):
        context = self.run_context
        check_value(context.pc)
        check_value(context.ap)
        if not isinstance(context.pc, RelocatableValue):
            raise Refused("jump to a number")
        fp = context.fp
        if not isinstance(fp, RelocatableValue) or fp.segment_index != 1:
            raise Refused("frame")


class Segments:
    """What builtin runners ask of cairo-lang's runner."""

    def __init__(self, memory):
        self.vm_memory = memory
        self.segments = MemorySegmentManager(memory=memory, prime=DEFAULT_PRIME)
        self.vm = None


def builtin_runner(name):
    if name == "pedersen":
        return HashBuiltinRunner(name, True, 8, pedersen_hash)
    if name == "range_check":
        return RangeCheckBuiltinRunner(name, True, 8, 1, 2**16, 8)
    if name == "range_check96":
        return RangeCheckBuiltinRunner(name, True, 8, 1, 2**16, 6)
    if name == "ecdsa":
        return SignatureBuiltinRunner(name, True, 512, process_ecdsa, verify_ecdsa_sig)
    if name == "bitwise":
        return BitwiseBuiltinRunner(True, BitwiseInstanceDef(ratio=64, total_n_bits=251))
    if name == "ec_op":
        definition = EcOpInstanceDef(
            ratio=1024, scalar_height=256, scalar_bits=252, scalar_limit=DEFAULT_PRIME
        )
        return EcOpBuiltinRunner(True, definition)
    if name == "keccak":
        definition = KeccakInstanceDef(
            ratio=2048, state_rep=[200] * 8, instances_per_component=16
        )
        return KeccakBuiltinRunner(True, definition)
    if name == "poseidon":
        return PoseidonBuiltinRunner(True, PoseidonInstanceDef(ratio=32, partial_rounds_partition=[64, 22]))
    raise ValueError(name)


def parsed(text):
    if ":" in text:
        segment, offset = text.split(":")
        return RelocatableValue(int(segment), int(offset))
    return int(text, 16)


def shown(value):
    if isinstance(value, RelocatableValue):
        return f"{value.segment_index}:{value.offset}"
    return f"{value:x}"


def failure(error):
    """The class of a failure, from its type and, where that says nothing, its message."""
    if isinstance(error, VmException):
        return failure(error.inner_exc)
    if isinstance(error, Refused):
        return error.kind
    if isinstance(error, UnknownMemoryError):
        return "unknown"
    if isinstance(error, InconsistentMemoryError):
        return "inconsistent"
    if isinstance(error, InconsistentAutoDeductionError):
        return "deduction"
    if isinstance(error, PureValueError):
        return "address in arithmetic"
    text = str(error)
    if "Expected integer at address" in text and ("pedersen" in text or "bitwise" in text):
        return "address in builtin"
    for part, kind in (
        ("ASSERT_EQ instruction failed", "assertion"),
        ("Call failed to write", "call"),
        ("Cannot deduce operand", "unknown"),
        ("op0 must be known", "unknown"),
        ("Cannot add two relocatable", "address in arithmetic"),
        ("Can only subtract two", "address in arithmetic"),
        ("unsupported operand type", "address in arithmetic"),
        ("off2 should be 1", "instruction"),
        ("Res.UNCONSTRAINED", "unconstrained"),
        ("offset of a relocatable", "offset"),
        ("range check builtin", "builtin"),
        ("Range-check builtin", "builtin"),
        ("Signature", "builtin"),
        ("builtin: ", "builtin"),
        ("Cannot apply EC operation", "builtin"),
    ):
        if part in text:
            return kind
    return f"{type(error).__name__}: {text[:200]}"


def run_cells(case):
    memory = MemoryDict()
    runner = Segments(memory)
    program = StrippedProgram(
        prime=DEFAULT_PRIME, data=[int(cell, 16) for cell in case["program"]], builtins=[], main=0
    )
    runner.segments.load_data(runner.segments.add(), program.data)
    builtins = {}
    for segment in case["segments"]:
        if segment["rule"] is None:
            runner.segments.add()
        else:
            builtin = builtin_runner(segment["rule"])
            builtin.initialize_segments(runner)
            builtins[segment["rule"]] = builtin
    for offset, r, s in case["signatures"]:
        ecdsa = builtins["ecdsa"]
        ecdsa.signatures[ecdsa.base + offset] = (int(r, 16), int(s, 16))
    context = RunContext(
        pc=RelocatableValue(0, 0),
        ap=RelocatableValue(1, case["ap"]),
        fp=RelocatableValue(1, case["fp"]),
        memory=memory,
        prime=DEFAULT_PRIME,
    )
    machine = Machine(program, context, hint_locals={}, builtin_runners=builtins)
    runner.vm = machine
    for builtin in builtins.values():
        builtin.add_auto_deduction_rules(runner)
        builtin.add_validation_rules(runner)
    for index, segment in enumerate(case["segments"]):
        for offset, cell in enumerate(segment["cells"]):
            machine.validated_memory[RelocatableValue(index + 1, offset)] = parsed(cell)
    end = parsed(case["end"])
    context = machine.run_context
    kind = "-"
    cells = len(memory)
    steps = 0
    registers = (context.pc, context.ap, context.fp)
    try:
        while context.pc != end and steps < case["limit"]:
            machine.step()
            machine.check_registers()
            steps = machine.current_step
            cells = len(memory)
            registers = (context.pc, context.ap, context.fp)
        if context.pc == end:
            # Deductions of cells that the program set itself are checked now.
            machine.end_run()
        else:
            kind = "step limit"
    except Exception as error:
        kind = failure(error)
    # What a step that failed left behind counts on neither side.
    trace = machine.trace[:steps]
    left = sorted(
        ((a.segment_index, a.offset), v)
        for number, (a, v) in enumerate(memory.items())
        if number < cells
    )
    starts = {}
    sizes = {index: 0 for index in range(runner.segments.n_segments)}
    for (segment, offset), _ in left:
        sizes[segment] = max(sizes[segment], offset + 1)
    next_start = 1
    for segment, size in sizes.items():
        starts[segment] = next_start
        next_start += size

    def relocated(value):
        if isinstance(value, RelocatableValue):
            return starts.get(value.segment_index, 0) + value.offset
        return value

    fields = [
        kind,
        str(steps),
        " ".join(shown(register) for register in registers),
        " ".join(f"{shown(e.pc)},{e.ap.offset},{e.fp.offset}" for e in trace),
        " ".join(f"{s}:{o}={shown(value)}" for (s, o), value in left),
        " ".join(f"{starts[s] + o}={relocated(value):x}" for (s, o), value in left if s > 0),
    ]
    return "|".join(fields)


def run_source(source, folder):
    name = os.path.splitext(os.path.basename(source))[0]
    program = compile_cairo_files([source], prime=DEFAULT_PRIME)
    with open(os.path.join(folder, name + ".json"), "w") as file:
        json.dump(Program.Schema().dump(program), file)
    runner = CairoRunner(program=program, layout="starknet_with_keccak", memory=MemoryDict())
    runner.initialize_segments()
    end = runner.initialize_main_entrypoint()
    runner.initialize_zero_segment()
    runner.initialize_vm(hint_locals={"program_input": {}})
    runner.run_until_pc(end)
    runner.end_run()
    runner.read_return_values()
    runner.relocate()
    with open(os.path.join(folder, name + ".trace"), "wb") as file:
        write_binary_trace(file, runner.relocated_trace)
    with open(os.path.join(folder, name + ".memory"), "wb") as file:
        write_binary_memory(file, runner.relocated_memory, 32)
    resources = runner.get_execution_resources()
    with open(os.path.join(folder, name + ".resources"), "w") as file:
        json.dump(
            {
                "steps": resources.n_steps,
                "holes": resources.n_memory_holes,
                "instances": resources.builtin_instance_counter,
            },
            file,
        )


def main():
    if sys.argv[1] == "cells":
        for line in sys.stdin:
            print(run_cells(json.loads(line)))
        return
    folder = sys.argv[2]
    for source in sys.argv[3:]:
        run_source(source, folder)
        print(os.path.basename(source), flush=True)


if __name__ == "__main__":
    main()
