//! Small steps in a parse tree.

pub use velum_parser::tree::node::Node;

use velum_parser::tree;

/// A node in its wrapper.
pub(super) type Wrapped = tree::Node;

/// The node in a wrapper that may be missing.
pub(super) fn inner(node: Option<&Wrapped>) -> Option<&Node> {
    node?.node.as_ref()
}

/// The nodes of a list.
pub(super) fn nodes(list: &[Wrapped]) -> impl DoubleEndedIterator<Item = &Node> {
    list.iter().filter_map(|node| node.node.as_ref())
}

/// The text of a name.
pub(super) fn name(node: &Node) -> Option<&str> {
    match node {
        Node::String(text) => Some(&text.sval),
        _ => None,
    }
}

/// The texts of names.
pub(super) fn names(list: &[Wrapped]) -> impl DoubleEndedIterator<Item = &str> {
    nodes(list).filter_map(name)
}

/// The text of a literal.
pub(super) fn literal(node: &Node) -> Option<&str> {
    match node {
        Node::AConst(constant) => match &constant.val {
            Some(tree::a_const::Val::Sval(text)) => Some(&text.sval),
            _ => None,
        },
        Node::TypeCast(cast) => literal(inner(cast.arg.as_deref())?),
        _ => None,
    }
}

/// Is it a number that stands in the text?
pub(super) fn is_integer(node: &Node) -> bool {
    match node {
        Node::AConst(constant) => matches!(constant.val, Some(tree::a_const::Val::Ival(_))),
        _ => false,
    }
}
