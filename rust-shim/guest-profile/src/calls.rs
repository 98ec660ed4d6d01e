//! The guest's call stack, followed from its jumps.

use std::collections::HashMap;

use crate::symbols::{FunctionId, Symbols};

/// A function as called from one place on one path.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct NodeId(u32);

impl NodeId {
    /// Before the guest's first instruction.
    pub const NONE: NodeId = NodeId(u32::MAX);
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Node {
    function: FunctionId,
    caller: NodeId,
    /// The instruction in the caller that called.
    call_site: u32,
}

struct Frame {
    node: NodeId,
    /// Where the function will return to; a tail call shares its caller's.
    returns_to: u32,
    tail_called: bool,
}

enum Jump {
    Call,
    Return,
    Other,
}

/// The call paths seen so far, and the one the guest is on.
pub struct Calls {
    symbols: Symbols,
    nodes: Vec<Node>,
    known: HashMap<Node, NodeId>,
    stack: Vec<Frame>,
}

impl Calls {
    pub fn new(symbols: Symbols) -> Self {
        Self {
            symbols,
            nodes: Vec::new(),
            known: HashMap::new(),
            stack: Vec::new(),
        }
    }

    /// The guest starts at `pc`.
    pub fn start(&mut self, pc: u32) -> NodeId {
        self.push(pc, NodeId::NONE, 0, 0, false)
    }

    /// The guest went from the instruction `insn` at `from` to the one at `to`.
    pub fn step(&mut self, from: u32, insn: u32, to: u32) -> NodeId {
        let Some(top) = self.stack.last() else {
            return self.start(to);
        };
        let (node, returns_to) = (top.node, top.returns_to);
        match jump(insn) {
            Jump::Call => return self.push(to, node, from, from.wrapping_add(4), false),
            // A return to nowhere we know is a jump through the link register.
            Jump::Return if self.stack.iter().any(|frame| frame.returns_to == to) => {
                while self
                    .stack
                    .last()
                    .is_some_and(|frame| frame.returns_to != to)
                {
                    self.stack.pop();
                }
                // With it go the functions that called it in tail position: they return to the same place.
                while self
                    .stack
                    .last()
                    .is_some_and(|frame| frame.returns_to == to)
                {
                    let last = self.stack.pop();
                    if !last.is_some_and(|frame| frame.tail_called) {
                        break;
                    }
                }
                if let Some(frame) = self.stack.last() {
                    return frame.node;
                }
                return self.start(to);
            }
            _ => (),
        }
        let function = self.symbols.at(to);
        if function == self.nodes[node.0 as usize].function {
            return node;
        }
        // A tail call. Where the function is already on this chain of tail calls, the guest is back in it.
        let chain = self
            .stack
            .iter()
            .rev()
            .take_while(|frame| frame.tail_called)
            .count()
            + 1;
        let first = self.stack.len().saturating_sub(chain);
        let again = (first..self.stack.len())
            .find(|&index| self.nodes[self.stack[index].node.0 as usize].function == function);
        match again {
            Some(index) => {
                self.stack.truncate(index + 1);
                self.stack[index].node
            }
            None => self.push(to, node, from, returns_to, true),
        }
    }

    fn push(
        &mut self,
        pc: u32,
        caller: NodeId,
        call_site: u32,
        returns_to: u32,
        tail_called: bool,
    ) -> NodeId {
        let made = Node {
            function: self.symbols.at(pc),
            caller,
            call_site,
        };
        let node = *self.known.entry(made).or_insert_with(|| {
            self.nodes.push(made);
            NodeId(self.nodes.len() as u32 - 1)
        });
        self.stack.push(Frame {
            node,
            returns_to,
            tail_called,
        });
        node
    }

    /// The symbol of the node's function.
    pub fn function(&self, node: NodeId) -> &str {
        self.symbols.name(self.nodes[node.0 as usize].function)
    }

    /// Who called, and where in it.
    pub fn caller(&self, node: NodeId) -> (NodeId, u32) {
        let node = self.nodes[node.0 as usize];
        (node.caller, node.call_site)
    }
}

/// What an instruction does to the return-address stack, by the RISC-V manual's hints (unprivileged ISA, 2.5.1).
fn jump(insn: u32) -> Jump {
    const JAL: u32 = 0x6f;
    const JALR: u32 = 0x67;
    let is_link = |register: u32| register == 1 || register == 5;
    let links = is_link((insn >> 7) & 31);
    match insn & 0x7f {
        JAL | JALR if links => Jump::Call,
        JALR if is_link((insn >> 15) & 31) => Jump::Return,
        _ => Jump::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: u32 = 0x0000_00ef; // jal ra
    const JUMP: u32 = 0x0000_006f; // j
    const RET: u32 = 0x0000_8067; // jalr x0, ra
    const NOP: u32 = 0x0000_0013;

    fn calls() -> Calls {
        // main 100..140, f 200..240, g 300..340
        Calls::new(Symbols::from_ranges(&[
            (100, 140, "main"),
            (200, 240, "f"),
            (300, 340, "g"),
        ]))
    }

    fn path(calls: &Calls, node: NodeId) -> Vec<&str> {
        let mut names = Vec::new();
        let mut at = node;
        while at != NodeId::NONE {
            names.push(calls.function(at));
            at = calls.caller(at).0;
        }
        names.reverse();
        names
    }

    #[test]
    fn a_call_and_its_return() {
        let mut calls = calls();
        let main = calls.start(100);
        assert_eq!(calls.step(100, NOP, 104), main);
        let f = calls.step(104, CALL, 200);
        assert_eq!(path(&calls, f), ["main", "f"]);
        assert_eq!(calls.caller(f), (main, 104));
        assert_eq!(calls.step(204, RET, 108), main);
        let again = calls.step(108, CALL, 200);
        assert_ne!(again, f, "another call site is another node");
    }

    #[test]
    fn a_tail_call_returns_for_its_caller_too() {
        let mut calls = calls();
        let main = calls.start(100);
        calls.step(100, CALL, 200);
        let g = calls.step(204, JUMP, 300);
        assert_eq!(path(&calls, g), ["main", "f", "g"]);
        assert_eq!(calls.step(304, RET, 104), main);
        assert_eq!(calls.stack.len(), 1);
    }

    #[test]
    fn functions_that_tail_call_each_other_keep_the_stack_short() {
        let mut calls = calls();
        calls.start(100);
        calls.step(100, CALL, 200);
        for _ in 0..1000 {
            calls.step(204, JUMP, 300);
            calls.step(304, JUMP, 200);
        }
        assert!(calls.stack.len() <= 3);
    }

    #[test]
    fn recursion_unwinds_one_call_at_a_time() {
        let mut calls = calls();
        let main = calls.start(100);
        let outer = calls.step(100, CALL, 200);
        let inner = calls.step(208, CALL, 200);
        assert_eq!(path(&calls, inner), ["main", "f", "f"]);
        let innermost = calls.step(208, CALL, 200);
        assert_eq!(calls.step(220, RET, 212), inner);
        assert_ne!(innermost, inner);
        assert_eq!(calls.step(220, RET, 212), outer);
        assert_eq!(calls.step(220, RET, 104), main);
    }

    #[test]
    fn a_return_past_several_frames_drops_them_all() {
        let mut calls = calls();
        let main = calls.start(100);
        calls.step(100, CALL, 200);
        calls.step(204, CALL, 300);
        assert_eq!(calls.step(304, RET, 104), main);
    }
}
