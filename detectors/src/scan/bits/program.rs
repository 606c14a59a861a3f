//! A graph in the order in which it is computed: planes from the text, then chains of terms,
//! each into a slot that is used again when nobody reads it any more.

use std::ops::Range;

use super::graph::{Graph, Id, Node, Term};
use super::planes::{ByteSet, Group};
use crate::scan::simd::GROUP_PLANES;

/// Classes that one program may tell apart. Eight of them cost about 0.1 cycles a byte.
pub(crate) const PLANES: usize = 128;
/// Slots that a program may need; also what its terms can address.
pub(crate) const SLOTS: usize = 4096;
/// Parts of which a class may be put together instead of a plane of its own.
const PARTS: usize = 3;

/// What a term does to the sum of the chain before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Load,
    LoadNot,
    And,
    AndNot,
    Or,
    OrNot,
    Xor,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) op: Op,
    pub(crate) ahead: u8,
    pub(crate) slot: u16,
}

/// Steps whose sum goes to a slot.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub(crate) to: u16,
    pub(crate) steps: Range<usize>,
}

/// A compiled graph. Slots 0 to `groups * 8` hold the planes.
#[derive(Clone)]
pub(crate) struct Program {
    pub(crate) groups: Vec<Group>,
    /// The classes of the planes.
    pub(crate) sets: Vec<ByteSet>,
    /// Where the bitmap of the content itself goes, if a chain reads it.
    pub(crate) content: Option<u16>,
    /// Slots of bitmaps that are another one's, one byte later: from, to.
    pub(crate) befores: Vec<(u16, u16)>,
    pub(crate) steps: Vec<Step>,
    pub(crate) chains: Vec<Chain>,
    /// The slot of each output.
    pub(crate) outputs: Vec<u16>,
    pub(crate) slots: usize,
}

/// The program needs more than there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TooWide {
    /// More than [`PLANES`].
    Classes,
    /// More than [`SLOTS`].
    Slots,
}

impl Program {
    /// Compiles what the outputs need. Every output keeps its slot to the end.
    pub(crate) fn new(graph: &Graph, outputs: &[Term]) -> Result<Self, TooWide> {
        let mut graph = graph.clone();
        let outputs: Vec<Id> = outputs
            .iter()
            .map(|output| match output {
                Term {
                    node,
                    ahead: 0,
                    not: false,
                } => *node,
                moved => graph.all(&[*moved, *moved]).node,
            })
            .collect();
        let used = used(&graph, &outputs);
        let planes = Planes::of(&graph, &used)?;
        let mut emitter = Emitter::new(&graph, planes, &used, &outputs);
        for id in 0..graph.len() as Id {
            if used.get(id as usize).copied().unwrap_or(false) {
                emitter.emit(id)?;
            }
        }
        emitter.finish(&outputs)
    }

    /// A chain, not one of the program's own, that ORs slots into a new one.
    pub(crate) fn unite(&mut self, slots: &[u16]) -> Result<Chain, TooWide> {
        let from = self.steps.len();
        for (index, slot) in slots.iter().enumerate() {
            let op = if index == 0 { Op::Load } else { Op::Or };
            self.steps.push(Step {
                op,
                ahead: 0,
                slot: *slot,
            });
        }
        let to = new_slot(&mut self.slots)?;
        let steps = from..self.steps.len();
        Ok(Chain { to, steps })
    }

    /// Steps that run for each tile.
    pub(crate) fn cost(&self) -> usize {
        self.steps.len()
    }
}

fn new_slot(slots: &mut usize) -> Result<u16, TooWide> {
    let slot = u16::try_from(*slots).ok().filter(|_| *slots < SLOTS);
    *slots += 1;
    slot.ok_or(TooWide::Slots)
}

/// Which nodes the outputs depend on.
fn used(graph: &Graph, outputs: &[Id]) -> Vec<bool> {
    let mut used = vec![false; graph.len()];
    for id in outputs {
        mark(&mut used, *id);
    }
    for id in (0..graph.len() as Id).rev() {
        if used.get(id as usize) == Some(&true) {
            each_source(graph, id, |source| mark(&mut used, source));
        }
    }
    used
}

fn mark(used: &mut [bool], id: Id) {
    if let Some(used) = used.get_mut(id as usize) {
        *used = true;
    }
}

fn each_source(graph: &Graph, id: Id, mut see: impl FnMut(Id)) {
    match graph.node(id) {
        Some(Node::Before(source)) => see(*source),
        Some(Node::Differ(a, b)) => {
            see(*a);
            see(*b);
        }
        Some(Node::All(terms) | Node::Any(terms)) => {
            terms.iter().for_each(|term| see(term.node));
        }
        _ => {}
    }
}

fn moved_sets(graph: &Graph, used: &[bool]) -> Vec<ByteSet> {
    let ids = (0..graph.len() as Id).filter(|id| used.get(*id as usize) == Some(&true));
    let moved = ids.filter_map(|id| match graph.node(id) {
        Some(Node::Before(source)) => graph.node(*source),
        _ => None,
    });
    let sets = moved.filter_map(|source| match source {
        Node::Set(set) => Some(*set),
        _ => None,
    });
    sets.collect()
}

/// Which classes have planes, and which are put together from others.
struct Planes {
    sets: Vec<ByteSet>,
    composed: Vec<(ByteSet, Vec<ByteSet>)>,
}

impl Planes {
    fn of(graph: &Graph, used: &[bool]) -> Result<Self, TooWide> {
        let mut sets: Vec<ByteSet> = (0..graph.len() as Id)
            .filter(|id| used.get(*id as usize) == Some(&true))
            .filter_map(|id| match graph.node(id) {
                Some(Node::Set(set)) => Some(*set),
                _ => None,
            })
            .collect();
        sets.sort_by_key(|set| (set.len(), *set));
        // What is read one byte later is moved before the first chain runs.
        let moved = moved_sets(graph, used);
        let mut planes = Self {
            sets: Vec::new(),
            composed: Vec::new(),
        };
        for set in sets {
            match planes.parts_of(set).filter(|_| !moved.contains(&set)) {
                Some(parts) => planes.composed.push((set, parts)),
                None => planes.sets.push(set),
            }
        }
        // Room that a group has left is free.
        while !planes.sets.len().is_multiple_of(GROUP_PLANES) {
            let Some((set, _)) = planes.composed.pop() else {
                break;
            };
            planes.sets.push(set);
        }
        let fits = planes.sets.len() <= PLANES;
        fits.then_some(planes).ok_or(TooWide::Classes)
    }

    fn parts_of(&self, set: ByteSet) -> Option<Vec<ByteSet>> {
        let mut rest = set;
        let mut parts = Vec::new();
        let within = self.sets.iter().rev().filter(|part| part.is_within(&set));
        for part in within {
            if part.meets(&rest) {
                parts.push(*part);
                rest = rest.without(*part);
            }
        }
        (rest.is_empty() && parts.len() <= PARTS).then_some(parts)
    }
}

struct Emitter<'g> {
    graph: &'g Graph,
    program: Program,
    composed: Vec<(ByteSet, Vec<ByteSet>)>,
    /// Slot of each node that has been computed.
    places: Vec<Option<u16>>,
    /// The last node that reads each node; its own id if none does.
    last_reads: Vec<Id>,
    /// Nodes that keep their slot.
    pinned: Vec<bool>,
    free: Vec<u16>,
}

impl<'g> Emitter<'g> {
    fn new(graph: &'g Graph, planes: Planes, used: &[bool], outputs: &[Id]) -> Self {
        let groups: Vec<Group> = planes.sets.chunks(GROUP_PLANES).map(Group::new).collect();
        let mut last_reads: Vec<Id> = (0..graph.len() as Id).collect();
        for id in 0..graph.len() as Id {
            if used.get(id as usize) == Some(&true) {
                each_source(graph, id, |source| {
                    if let Some(last) = last_reads.get_mut(source as usize) {
                        *last = id;
                    }
                });
            }
        }
        let mut pinned = vec![false; graph.len()];
        for output in outputs {
            mark(&mut pinned, *output);
        }
        let slots = groups.len() * GROUP_PLANES;
        Self {
            graph,
            program: Program {
                groups,
                sets: planes.sets,
                content: None,
                befores: Vec::new(),
                steps: Vec::new(),
                chains: Vec::new(),
                outputs: Vec::new(),
                slots,
            },
            composed: planes.composed,
            places: vec![None; graph.len()],
            last_reads,
            pinned,
            free: Vec::new(),
        }
    }

    fn emit(&mut self, id: Id) -> Result<(), TooWide> {
        let from = self.program.steps.len();
        let place = match self.graph.node(id) {
            Some(Node::Set(set)) => match self.plane(*set) {
                Some(slot) => Some(slot),
                None => {
                    self.compose(*set);
                    None
                }
            },
            Some(Node::Content) => {
                let slot = self.lasting_slot()?;
                self.program.content = Some(slot);
                Some(slot)
            }
            Some(Node::Before(source)) => {
                let source = self.place(*source);
                let slot = self.lasting_slot()?;
                self.program.befores.push((source, slot));
                Some(slot)
            }
            Some(Node::Differ(a, b)) => {
                self.step(Op::Load, Term::at(*a, 0));
                self.step(Op::Xor, Term::at(*b, 0));
                None
            }
            Some(Node::All(terms)) => {
                self.terms(terms, [Op::Load, Op::LoadNot], [Op::And, Op::AndNot]);
                None
            }
            Some(Node::Any(terms)) => {
                self.terms(terms, [Op::Load, Op::LoadNot], [Op::Or, Op::OrNot]);
                None
            }
            None => None,
        };
        let place = match place {
            Some(slot) => slot,
            None => {
                let to = self.take_slot()?;
                let steps = from..self.program.steps.len();
                self.program.chains.push(Chain { to, steps });
                to
            }
        };
        if let Some(slot) = self.places.get_mut(id as usize) {
            *slot = Some(place);
        }
        self.release(id);
        Ok(())
    }

    fn plane(&self, set: ByteSet) -> Option<u16> {
        let place = self.program.sets.iter().position(|plane| *plane == set);
        place.map(|place| place as u16)
    }

    fn compose(&mut self, set: ByteSet) {
        let parts = self.composed.iter().find(|(composed, _)| *composed == set);
        let parts = parts.map(|(_, parts)| parts.clone()).unwrap_or_default();
        for (index, part) in parts.iter().enumerate() {
            let op = if index == 0 { Op::Load } else { Op::Or };
            let slot = self.plane(*part).unwrap_or(0);
            self.program.steps.push(Step { op, ahead: 0, slot });
        }
    }

    /// The terms as steps, one that is not negated first.
    fn terms(&mut self, terms: &[Term], load: [Op; 2], join: [Op; 2]) {
        let first = terms.iter().position(|term| !term.not).unwrap_or(0);
        let order = terms.get(first).into_iter().chain(
            terms
                .iter()
                .enumerate()
                .filter(|(index, _)| *index != first)
                .map(|(_, term)| term),
        );
        for (index, term) in order.enumerate() {
            let ops = if index == 0 { load } else { join };
            self.step(ops[usize::from(term.not)], *term);
        }
    }

    fn step(&mut self, op: Op, term: Term) {
        let slot = self.place(term.node);
        self.program.steps.push(Step {
            op,
            ahead: term.ahead,
            slot,
        });
    }

    fn place(&self, id: Id) -> u16 {
        let place = self.places.get(id as usize).copied().flatten();
        place.unwrap_or(0)
    }

    /// A slot that is never used for anything else.
    fn lasting_slot(&mut self) -> Result<u16, TooWide> {
        new_slot(&mut self.program.slots)
    }

    fn take_slot(&mut self) -> Result<u16, TooWide> {
        match self.free.pop() {
            Some(slot) => Ok(slot),
            None => self.lasting_slot(),
        }
    }

    /// Frees the slots of chains that `id` was the last one to read.
    fn release(&mut self, id: Id) {
        let mut done = Vec::new();
        each_source(self.graph, id, |source| {
            if self.last_reads.get(source as usize) == Some(&id) {
                done.push(source);
            }
        });
        done.sort_unstable();
        done.dedup();
        for source in done {
            if self.is_chain(source) && self.pinned.get(source as usize) == Some(&false) {
                self.free.push(self.place(source));
            }
        }
    }

    fn is_chain(&self, id: Id) -> bool {
        let place = self.place(id);
        self.program.chains.iter().any(|chain| chain.to == place)
    }

    fn finish(mut self, outputs: &[Id]) -> Result<Program, TooWide> {
        let places = outputs.iter().map(|id| self.place(*id)).collect();
        self.program.outputs = places;
        Ok(self.program)
    }
}
