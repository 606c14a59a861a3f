//! A code for every byte, of as few bits as tell apart what the program asks for: each bit is a
//! plane, and every other class is put together from planes.
//!
//! Eight planes cost a table lookup for every byte, a class that is no plane a few operations on
//! bitmaps. So the classes that are read most have bits of their own, and the others share what
//! is left: numbers that tell them apart among bytes that agree in all bits of the first kind.
//! A byte of no class at all, and a byte outside of the content, has the code 0.

use std::collections::BTreeMap;

use super::graph::{Graph, Id, Node, Term};
use super::planes::ByteSet;
use super::program::{TooWide, each_source, used};
use crate::scan::simd::GROUP_PLANES;

/// Classes that one program may tell apart.
pub(crate) const CLASSES: usize = 512;

/// A class, and what the program does with it.
struct Class {
    set: ByteSet,
    /// How often it is read.
    reads: usize,
    /// It is read one byte later, which is computed before everything else.
    is_moved: bool,
}

/// Bytes that are in the same classes: bit n of a word of the signature is class n.
type Kinds = BTreeMap<Vec<bool>, ByteSet>;

/// The graph over planes alone, these planes, and the outputs in it.
pub(super) fn coded(
    graph: &Graph,
    outputs: &[Id],
) -> Result<(Graph, Vec<ByteSet>, Vec<Id>), TooWide> {
    let used = used(graph, outputs);
    let classes = classes(graph, &used);
    if classes.len() > CLASSES {
        return Err(TooWide::Classes);
    }
    let code = Code::of(&classes);
    let mut to = Graph::default();
    let mut ids: Vec<Id> = Vec::new();
    for id in 0..graph.len() as Id {
        let is_used = used.get(id as usize) == Some(&true);
        let node = graph.node(id).filter(|_| is_used);
        ids.push(match node {
            Some(node) => code.translate(node, &ids, &mut to),
            None => 0,
        });
    }
    let outputs = outputs.iter().map(|id| place(&ids, *id)).collect();
    Ok((to, code.planes, outputs))
}

fn place(ids: &[Id], id: Id) -> Id {
    ids.get(id as usize).copied().unwrap_or(0)
}

/// The classes that are used: first those that have to be planes, then by reads.
fn classes(graph: &Graph, used: &[bool]) -> Vec<Class> {
    let mut classes: BTreeMap<Id, Class> = BTreeMap::new();
    let ids = || (0..graph.len() as Id).filter(|id| used.get(*id as usize) == Some(&true));
    for id in ids() {
        if let Some(Node::Set(set)) = graph.node(id) {
            classes.insert(
                id,
                Class {
                    set: *set,
                    reads: 0,
                    is_moved: false,
                },
            );
        }
    }
    for id in ids() {
        let moves = matches!(graph.node(id), Some(Node::Before(_)));
        each_source(graph, id, |source| {
            if let Some(class) = classes.get_mut(&source) {
                class.reads += 1;
                class.is_moved |= moves;
            }
        });
    }
    let mut classes: Vec<Class> = classes.into_values().collect();
    classes.sort_by_key(|class| (!class.is_moved, std::cmp::Reverse(class.reads), class.set));
    classes
}

/// What each plane holds, and the code of each kind of bytes.
struct Code {
    planes: Vec<ByteSet>,
    /// Code and bytes; bit n of the code is plane n.
    kinds: Vec<(u32, ByteSet)>,
}

impl Code {
    fn of(classes: &[Class]) -> Self {
        let kinds = kinds(classes);
        let mut direct: Vec<usize> = Vec::new();
        // Only words, ends of lines and the content are.
        let moved = classes.iter().take_while(|class| class.is_moved).count();
        direct.extend(0..moved);
        let room = bits(&kinds, &direct).next_multiple_of(GROUP_PLANES);
        for class in moved..classes.len() {
            direct.push(class);
            if bits(&kinds, &direct) > room {
                direct.pop();
            }
        }
        let mut known: BTreeMap<u32, u32> = BTreeMap::new();
        let mut code = Self {
            planes: direct.iter().map(|class| classes[*class].set).collect(),
            kinds: Vec::new(),
        };
        // Kinds that agree in the bits of their own are numbered. They come in the order of
        // their signatures, so that the one of no class is the first.
        for (signature, bytes) in kinds {
            let own = own_bits(&signature, &direct);
            let number = known.entry(own).or_default();
            code.kinds.push((own | *number << direct.len(), bytes));
            *number += 1;
        }
        for bit in direct.len()..bits_of(&code.kinds) {
            let with = code.kinds.iter().filter(|(code, _)| code >> bit & 1 == 1);
            let plane = with.fold(ByteSet::default(), |set, (_, bytes)| set.or(*bytes));
            code.planes.push(plane);
        }
        code
    }

    /// The node in the graph over planes.
    fn translate(&self, node: &Node, ids: &[Id], to: &mut Graph) -> Id {
        let terms = |terms: &[Term]| {
            let terms = terms.iter().map(|term| Term {
                node: place(ids, term.node),
                ..*term
            });
            terms.collect::<Vec<_>>()
        };
        match node {
            Node::Set(set) if self.planes.contains(set) => to.set(*set),
            Node::Set(set) => self.compose(*set, to),
            Node::Content => to.content(),
            Node::Before(source) => to.before(place(ids, *source)),
            Node::Differ(a, b) => to.add(Node::Differ(place(ids, *a), place(ids, *b))),
            Node::All(all) => to.add(Node::All(terms(all))),
            Node::Any(any) => to.add(Node::Any(terms(any))),
        }
    }

    /// The class as a disjunction of conjunctions of planes.
    fn compose(&self, set: ByteSet, to: &mut Graph) -> Id {
        let (mut inside, outside): (Vec<_>, Vec<_>) = self
            .kinds
            .iter()
            .partition(|(_, bytes)| !bytes.is_empty() && bytes.is_within(&set));
        let mut products = Vec::new();
        while let Some(code) = inside.first().map(|(code, _)| *code) {
            let mask = self.widest(code, outside.iter().map(|(code, _)| *code));
            inside.retain(|(other, _)| (other ^ code) & mask != 0);
            let mut terms = Vec::new();
            for (bit, plane) in self.planes.iter().enumerate() {
                if mask >> bit & 1 == 1 {
                    let term = Term::at(to.set(*plane), 0);
                    let is_set = code >> bit & 1 == 1;
                    terms.push(if is_set { term } else { term.not() });
                }
            }
            products.push(Term::at(to.add(Node::All(terms)), 0));
        }
        match products[..] {
            [one] => one.node,
            _ => to.add(Node::Any(products)),
        }
    }

    /// The bits by which the code differs from all others. Bits that are clear are dropped
    /// first: two that are set are asked at once.
    fn widest(&self, code: u32, others: impl Iterator<Item = u32> + Clone) -> u32 {
        let mut mask = (1 << self.planes.len()) - 1;
        let bits = || 0..self.planes.len();
        let clear = bits().filter(|bit| code >> bit & 1 == 0);
        for bit in clear.chain(bits().filter(|bit| code >> bit & 1 == 1)) {
            let less = mask & !(1 << bit);
            if others.clone().all(|other| (other ^ code) & less != 0) {
                mask = less;
            }
        }
        mask
    }
}

/// The kinds of bytes that the classes tell apart; the one of no class is always there.
fn kinds(classes: &[Class]) -> Kinds {
    let mut kinds = Kinds::from([(vec![false; classes.len()], ByteSet::default())]);
    for byte in 0..=u8::MAX {
        let signature = classes.iter().map(|class| class.set.contains(byte));
        kinds.entry(signature.collect()).or_default().insert(byte);
    }
    kinds
}

fn own_bits(signature: &[bool], direct: &[usize]) -> u32 {
    let places = direct.iter().enumerate();
    places.fold(0, |bits, (place, class)| {
        bits | u32::from(signature.get(*class) == Some(&true)) << place
    })
}

/// Bits of a code in which these classes have bits of their own.
fn bits(kinds: &Kinds, direct: &[usize]) -> usize {
    let mut alike: BTreeMap<u32, usize> = BTreeMap::new();
    for signature in kinds.keys() {
        *alike.entry(own_bits(signature, direct)).or_default() += 1;
    }
    let most = alike.values().max().copied().unwrap_or(1);
    direct.len() + most.next_power_of_two().trailing_zeros() as usize
}

fn bits_of(kinds: &[(u32, ByteSet)]) -> usize {
    let all = kinds.iter().fold(0, |all, (code, _)| all | code);
    (u32::BITS - all.leading_zeros()) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Whether a node over planes holds for a byte.
    fn holds(graph: &Graph, id: Id, byte: Option<u8>) -> bool {
        let all = |term: &Term| holds(graph, term.node, byte) != term.not;
        match graph.node(id).expect("a node") {
            Node::Set(set) => byte.is_some_and(|byte| set.contains(byte)),
            Node::All(terms) => terms.iter().all(all),
            Node::Any(terms) => terms.iter().any(all),
            other => panic!("no {other:?} here"),
        }
    }

    proptest! {
        #[test]
        fn every_class_is_what_it_was_and_nothing_outside_of_the_content(
            ranges in prop::collection::vec(
                prop::collection::vec((any::<u8>(), any::<u8>()), 0..4),
                1..80,
            ),
        ) {
            let sets: Vec<ByteSet> = ranges
                .iter()
                .map(|ranges| ranges.iter().fold(ByteSet::default(), |set, (a, b)| {
                    set.or(ByteSet::range(*a.min(b), *a.max(b)))
                }))
                .collect();
            let mut graph = Graph::default();
            let outputs: Vec<Id> = sets.iter().map(|set| graph.set(*set)).collect();
            let (over, planes, places) = coded(&graph, &outputs).expect("few classes");
            prop_assert!(planes.len() <= 2 * GROUP_PLANES);
            for (set, place) in sets.iter().zip(places) {
                for byte in 0..=u8::MAX {
                    prop_assert_eq!(holds(&over, place, Some(byte)), set.contains(byte));
                }
                prop_assert!(!holds(&over, place, None));
            }
        }
    }
}
