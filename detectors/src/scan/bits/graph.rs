//! Conditions on the bytes around a position, each written down once however often it is used.

use std::collections::BTreeMap;

use super::planes::ByteSet;

/// A place in the graph.
pub(crate) type Id = u32;

/// Furthest byte that a condition may look at.
pub(crate) const AHEAD_BYTES: usize = 63;

/// A condition at a distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Term {
    pub(crate) node: Id,
    /// Bytes from the position to where the node is asked, at most [`AHEAD_BYTES`].
    pub(crate) ahead: u8,
    /// The node must not hold there.
    pub(crate) not: bool,
}

/// All of these; none of them means always.
pub(crate) type All = Vec<Term>;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Node {
    /// The byte is a member.
    Set(ByteSet),
    /// The byte belongs to the text, or to a field of it that is scanned.
    Content,
    /// The node, a set or the content, held one byte before.
    Before(Id),
    /// Exactly one of the two.
    Differ(Id, Id),
    All(All),
    Any(Vec<Term>),
}

/// Nodes refer to nodes with smaller ids only.
#[derive(Clone, Default)]
pub(crate) struct Graph {
    nodes: Vec<Node>,
    ids: BTreeMap<Node, Id>,
    terms: usize,
}

impl Term {
    pub(crate) fn at(node: Id, ahead: usize) -> Self {
        Self {
            node,
            ahead: ahead as u8,
            not: false,
        }
    }

    pub(crate) fn not(self) -> Self {
        Self {
            not: !self.not,
            ..self
        }
    }

    /// The same condition, asked from `by` bytes before; `None` if it is too far away then.
    pub(crate) fn seen_from(self, by: usize) -> Option<Self> {
        let ahead = usize::from(self.ahead) + by;
        (ahead <= AHEAD_BYTES).then_some(Self {
            ahead: ahead as u8,
            ..self
        })
    }
}

impl Graph {
    pub(crate) fn node(&self, id: Id) -> Option<&Node> {
        self.nodes.get(id as usize)
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Terms of all conjunctions and alternatives: what the program will cost.
    pub(crate) fn terms(&self) -> usize {
        self.terms
    }

    pub(crate) fn set(&mut self, set: ByteSet) -> Id {
        self.add(Node::Set(set))
    }

    pub(crate) fn content(&mut self) -> Id {
        self.add(Node::Content)
    }

    pub(crate) fn before(&mut self, id: Id) -> Id {
        self.add(Node::Before(id))
    }

    /// A border of words at the position: `\b`.
    pub(crate) fn word_border(&mut self) -> Id {
        let words = self.set(ByteSet::words());
        let before = self.before(words);
        self.add(Node::Differ(words, before))
    }

    /// `count` members in a row, by doubling; `count` is not 0.
    pub(crate) fn run(&mut self, set: ByteSet, count: usize) -> Id {
        let mut id = self.set(set);
        let mut known = 1;
        while known < count {
            let step = known.min(count - known);
            id = self.add(Node::All(vec![Term::at(id, 0), Term::at(id, step)]));
            known += step;
        }
        id
    }

    /// One term that stands for all of these.
    pub(crate) fn all(&mut self, terms: &[Term]) -> Term {
        match terms {
            [one] => *one,
            _ => {
                let mut terms = terms.to_vec();
                terms.sort_unstable();
                terms.dedup();
                Term::at(self.add(Node::All(terms)), 0)
            }
        }
    }

    /// One term that stands for any of these.
    pub(crate) fn any(&mut self, terms: &[Term]) -> Term {
        let mut terms = terms.to_vec();
        terms.sort_unstable();
        terms.dedup();
        match terms[..] {
            [one] => one,
            _ => Term::at(self.add(Node::Any(terms)), 0),
        }
    }

    pub(super) fn add(&mut self, node: Node) -> Id {
        if let Some(id) = self.ids.get(&node) {
            return *id;
        }
        self.terms += match &node {
            Node::Set(_) | Node::Content => 0,
            Node::Before(_) => 1,
            Node::Differ(..) => 2,
            Node::All(terms) | Node::Any(terms) => terms.len(),
        };
        let id = self.nodes.len() as Id;
        self.ids.insert(node.clone(), id);
        self.nodes.push(node);
        id
    }
}
