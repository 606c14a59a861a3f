//! A graph in the order in which it is computed: planes from the text, then steps, each into a
//! slot that is used again when nobody reads it any more.

use super::code;
use super::graph::{Graph, Id, Node, Term};
use super::planes::{ByteSet, Group};
use crate::scan::simd::GROUP_PLANES;

/// Slots that a program may need; also what its terms can address.
pub(crate) const SLOTS: usize = 4096;

/// One pass over a tile: a few bitmaps become one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) to: u16,
    /// For a conjunction `6 p + 3 n + m` of `p` plain bitmaps, `n` complements and `m` moved
    /// ones, of all of which there may be none; or one of the constants.
    pub(crate) shape: u8,
    pub(crate) plain: [u16; Self::PLAIN],
    pub(crate) not: u16,
    /// Bitmaps, and how many bytes further on they are read.
    pub(crate) moved: [(u16, u8); Self::MOVED],
}

impl Step {
    /// Most plain bitmaps of a conjunction.
    const PLAIN: usize = 3;
    /// Most moved ones.
    const MOVED: usize = 2;
    /// The disjunction of the first two plain bitmaps.
    pub(crate) const ANY_TWO: u8 = 24;
    /// The disjunction of the three plain bitmaps.
    pub(crate) const ANY_THREE: u8 = 25;
    /// Where the first two plain bitmaps differ.
    pub(crate) const DIFFER: u8 = 26;

    fn new(to: u16, shape: u8, plain: &[u16]) -> Self {
        let mut all = [0; Self::PLAIN];
        for (to, from) in all.iter_mut().zip(plain) {
            *to = *from;
        }
        Self {
            to,
            shape,
            plain: all,
            not: 0,
            moved: [(0, 0); Self::MOVED],
        }
    }

    /// Lets what the shape does not use say nothing, for whoever does not ask for the shape.
    fn settle(&mut self, ones: u16) {
        let zeros = ones + 1;
        if self.shape < Self::ANY_TWO {
            let (plain, not, moved) = (self.shape / 6, self.shape / 3 % 2, self.shape % 3);
            self.plain
                .iter_mut()
                .skip(plain.into())
                .for_each(|slot| *slot = ones);
            self.moved
                .iter_mut()
                .skip(moved.into())
                .for_each(|slot| *slot = (ones, 0));
            if not == 0 {
                self.not = zeros;
            }
        }
    }

    /// The next part of a conjunction, which is taken from the terms.
    fn part(to: u16, terms: &mut Parts) -> Self {
        let plain = terms
            .plain
            .split_off(terms.plain.len().saturating_sub(Self::PLAIN));
        let mut step = Self::new(to, 6 * plain.len() as u8, &plain);
        if let Some(not) = terms.not.pop() {
            step.not = not;
            step.shape += 3;
        }
        for moved in &mut step.moved {
            if let Some(term) = terms.moved.pop() {
                *moved = term;
                step.shape += 1;
            }
        }
        step
    }
}

/// The terms of a conjunction that no step has taken yet.
#[derive(Default)]
struct Parts {
    plain: Vec<u16>,
    not: Vec<u16>,
    moved: Vec<(u16, u8)>,
}

impl Parts {
    fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.not.is_empty() && self.moved.is_empty()
    }
}

/// A compiled graph. Slots 0 to `groups * 8` hold the planes.
#[derive(Clone)]
pub(crate) struct Program {
    pub(crate) groups: Vec<Group>,
    /// Where the bitmap of the content itself goes, if a step reads it.
    pub(crate) content: Option<u16>,
    /// Slots of bitmaps that are another one's, one byte later: from, to.
    pub(crate) befores: Vec<(u16, u16)>,
    pub(crate) steps: Vec<Step>,
    /// The slot of each output.
    pub(crate) outputs: Vec<u16>,
    pub(crate) slots: usize,
    /// A slot that a [short](super::sweep::Short) text fills with ones; the next one is empty.
    pub(crate) ones: u16,
    terms: usize,
}

/// The program needs more than there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TooWide {
    /// More than [`code::CLASSES`].
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
        let (graph, planes, outputs) = code::coded(&graph, &outputs)?;
        let used = used(&graph, &outputs);
        let mut emitter = Emitter::new(&graph, planes, &used, &outputs);
        for id in 0..graph.len() as Id {
            if used.get(id as usize).copied().unwrap_or(false) {
                emitter.emit(id)?;
            }
        }
        emitter.finish(&outputs)
    }

    /// Steps, not of the program's own, that OR slots into a new one; and that slot.
    pub(crate) fn unite(&mut self, slots: &[u16]) -> Result<(Vec<Step>, u16), TooWide> {
        let to = new_slot(&mut self.slots)?;
        let mut steps = any(to, slots);
        steps.iter_mut().for_each(|step| step.settle(self.ones));
        Ok((steps, to))
    }

    /// Terms that are computed for each line.
    pub(crate) fn cost(&self) -> usize {
        self.terms
    }
}

/// The disjunction of slots; nothing if there are none.
fn any(to: u16, slots: &[u16]) -> Vec<Step> {
    if slots.is_empty() {
        return vec![Step::new(to, Step::DIFFER, &[to, to])];
    }
    let mut steps = Vec::new();
    let mut rest = slots;
    while !rest.is_empty() {
        let known: &[u16] = if steps.is_empty() { &[] } else { &[to] };
        let (these, others) = rest.split_at(rest.len().min(Step::PLAIN - known.len()));
        let plain = [known, these].concat();
        let shape = match plain.len() {
            1 => 6,
            2 => Step::ANY_TWO,
            _ => Step::ANY_THREE,
        };
        steps.push(Step::new(to, shape, &plain));
        rest = others;
    }
    steps
}

fn new_slot(slots: &mut usize) -> Result<u16, TooWide> {
    let slot = u16::try_from(*slots).ok().filter(|_| *slots < SLOTS);
    *slots += 1;
    slot.ok_or(TooWide::Slots)
}

/// Which nodes the outputs depend on.
pub(super) fn used(graph: &Graph, outputs: &[Id]) -> Vec<bool> {
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

pub(super) fn each_source(graph: &Graph, id: Id, mut see: impl FnMut(Id)) {
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

struct Emitter<'g> {
    graph: &'g Graph,
    program: Program,
    /// The classes of the planes.
    sets: Vec<ByteSet>,
    /// Slot of each node that has been computed.
    places: Vec<Option<u16>>,
    /// The last node that reads each node; its own id if none does.
    last_reads: Vec<Id>,
    /// Nodes that keep their slot.
    pinned: Vec<bool>,
    /// Nodes whose slots are of no plane.
    chains: Vec<bool>,
    free: Vec<u16>,
}

impl<'g> Emitter<'g> {
    fn new(graph: &'g Graph, sets: Vec<ByteSet>, used: &[bool], outputs: &[Id]) -> Self {
        let groups: Vec<Group> = sets.chunks(GROUP_PLANES).map(Group::new).collect();
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
        let ones = groups.len() * GROUP_PLANES;
        Self {
            graph,
            program: Program {
                groups,
                content: None,
                befores: Vec::new(),
                steps: Vec::new(),
                outputs: Vec::new(),
                slots: ones + 2,
                ones: ones as u16,
                terms: 0,
            },
            sets,
            places: vec![None; graph.len()],
            last_reads,
            pinned,
            chains: vec![false; graph.len()],
            free: Vec::new(),
        }
    }

    fn emit(&mut self, id: Id) -> Result<(), TooWide> {
        let place = match self.graph.node(id) {
            Some(Node::Set(set)) => self.plane(*set),
            Some(Node::Content) => {
                let slot = self.lasting_slot()?;
                self.program.content = Some(slot);
                slot
            }
            Some(Node::Before(source)) => {
                let source = self.place(*source);
                let slot = self.lasting_slot()?;
                self.program.befores.push((source, slot));
                slot
            }
            Some(Node::Differ(a, b)) => {
                let plain = [self.place(*a), self.place(*b)];
                let to = self.chain_slot(id)?;
                self.program.steps.push(Step::new(to, Step::DIFFER, &plain));
                self.program.terms += 2;
                to
            }
            Some(Node::All(terms)) => {
                let to = self.chain_slot(id)?;
                self.all(to, terms)?;
                to
            }
            Some(Node::Any(terms)) => {
                let to = self.chain_slot(id)?;
                self.any(to, terms)?;
                to
            }
            None => 0,
        };
        if let Some(slot) = self.places.get_mut(id as usize) {
            *slot = Some(place);
        }
        self.release(id);
        Ok(())
    }

    fn plane(&self, set: ByteSet) -> u16 {
        let place = self.sets.iter().position(|plane| *plane == set);
        place.map_or(0, |place| place as u16)
    }

    fn all(&mut self, to: u16, terms: &[Term]) -> Result<(), TooWide> {
        let mut parts = Parts::default();
        let mut complements = Vec::new();
        for term in terms {
            let slot = self.place(term.node);
            match (term.ahead, term.not) {
                (0, false) => parts.plain.push(slot),
                (0, true) => parts.not.push(slot),
                (ahead, false) => parts.moved.push((slot, ahead)),
                (ahead, true) => {
                    let not = self.take_slot()?;
                    self.program.steps.push(complement(not, slot));
                    complements.push(not);
                    parts.moved.push((not, ahead));
                }
            }
        }
        self.program.terms += terms.len() + complements.len();
        self.program.steps.push(Step::part(to, &mut parts));
        while !parts.is_empty() {
            parts.plain.push(to);
            self.program.steps.push(Step::part(to, &mut parts));
        }
        self.free.append(&mut complements);
        Ok(())
    }

    fn any(&mut self, to: u16, terms: &[Term]) -> Result<(), TooWide> {
        let mut slots = Vec::new();
        let mut own = Vec::new();
        for term in terms {
            if term.ahead == 0 && !term.not {
                slots.push(self.place(term.node));
            } else {
                let slot = self.take_slot()?;
                self.all(slot, std::slice::from_ref(term))?;
                slots.push(slot);
                own.push(slot);
            }
        }
        self.program.terms += terms.len();
        self.program.steps.extend(any(to, &slots));
        self.free.append(&mut own);
        Ok(())
    }

    fn chain_slot(&mut self, id: Id) -> Result<u16, TooWide> {
        mark(&mut self.chains, id);
        self.take_slot()
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
            if self.chains.get(source as usize) == Some(&true)
                && self.pinned.get(source as usize) == Some(&false)
            {
                self.free.push(self.place(source));
            }
        }
    }

    fn finish(mut self, outputs: &[Id]) -> Result<Program, TooWide> {
        let places = outputs.iter().map(|id| self.place(*id)).collect();
        self.program.outputs = places;
        let ones = self.program.ones;
        self.program
            .steps
            .iter_mut()
            .for_each(|step| step.settle(ones));
        Ok(self.program)
    }
}

/// The bytes that a bitmap has not.
fn complement(to: u16, slot: u16) -> Step {
    Step {
        not: slot,
        ..Step::new(to, 3, &[])
    }
}
