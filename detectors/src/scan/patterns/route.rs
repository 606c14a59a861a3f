//! The choice of an engine for one pattern: a bit program where it is bounded and cheap, a walk
//! from a trigger otherwise, a refusal where neither has a bound.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, HirKind};

use super::walk::{Walk, alphabet, longest};
use super::{MATCH_BYTES, Refusal, SOURCE_BYTES, WALK_BYTES};
use crate::scan::bits::graph::{Graph, Term};
use crate::scan::bits::planes::ByteSet;
use crate::scan::bits::shape::{self, FIXED_TERMS, Lengths, NoShape};

/// Bytes of a trigger: more would cost classes and thin out little.
const TRIGGER_BYTES: usize = 3;
/// Triggers that are more frequent than this, by the guess at ordinary text, are thinned out.
const THIN_ABOVE: f64 = 0.002;
/// Longest part behind a trigger that thins it out as a whole.
const THIN_BYTES: usize = 4;
/// Terms that thinning out may cost.
const THIN_TERMS: usize = 20;

/// How one alternative of a pattern is found.
pub(super) enum Route {
    /// Starts of matches by their length.
    Fixed(Vec<(usize, Term)>),
    /// Starts of triggers, and what is read from there.
    Walk(Term, Box<Walk>),
}

/// Parses an expression: ASCII classes, any bytes.
pub(super) fn parse(source: &str) -> Result<Hir, Refusal> {
    if source.len() > SOURCE_BYTES {
        return Err(Refusal::Source);
    }
    let mut parser = ParserBuilder::new().unicode(false).utf8(false).build();
    let hir = parser.parse(source);
    let hir = hir.map_err(|error| Refusal::Syntax(error.to_string()))?;
    let properties = hir.properties();
    if properties.minimum_len() == Some(0) {
        return Err(Refusal::Empty);
    }
    match properties.maximum_len() {
        // What never matches has no length either, and costs nothing.
        None if properties.minimum_len().is_some() => Err(Refusal::Unbounded),
        Some(bytes) if bytes > MATCH_BYTES => Err(Refusal::Long),
        _ => Ok(hir),
    }
}

/// The alternatives of an expression: each finds an engine of its own.
pub(super) fn alternatives(hir: &Hir) -> &[Hir] {
    match hir.kind() {
        HirKind::Capture(capture) => alternatives(&capture.sub),
        HirKind::Alternation(choices) => choices,
        _ => std::slice::from_ref(hir),
    }
}

/// Chooses the engine.
pub(super) fn choose(graph: &mut Graph, pattern: u32, hir: &Hir) -> Result<Route, Refusal> {
    match shape::lengths(graph, hir, &[], FIXED_TERMS) {
        Ok(lengths) => Ok(Route::Fixed(starts(graph, lengths))),
        Err(NoShape::Long | NoShape::Dear | NoShape::Look) => walk(graph, pattern, hir),
    }
}

/// One term for each length, the longest first.
pub(super) fn starts(graph: &mut Graph, lengths: Lengths) -> Vec<(usize, Term)> {
    let all = lengths.into_iter().rev();
    all.map(|(length, terms)| (length, graph.all(&terms)))
        .collect()
}

/// A walk from the rarest trigger that bounds it.
fn walk(graph: &mut Graph, pattern: u32, hir: &Hir) -> Result<Route, Refusal> {
    let mut parts = Vec::new();
    flatten(hir, &mut parts);
    let mut best: Option<(f64, usize, usize)> = None;
    for from in 0..parts.len() {
        for to in from + 1..=parts.len() {
            let Some(rarity) = rarity(parts.get(from..to).unwrap_or_default()) else {
                break;
            };
            let better = best.is_none_or(|(known, ..)| rarity < known);
            if better && is_bounded(&parts, from, to) {
                best = Some((rarity, from, to));
            }
        }
    }
    let Some((_, from, to)) = best else {
        return walk_from_start(graph, pattern, hir);
    };
    let (head, rest) = parts.split_at(from);
    let (trigger, tail) = rest.split_at(to - from);
    let rarity = rarity(trigger).unwrap_or(1.0);
    let (lead, condition) = if rarity > THIN_ABOVE {
        thinned(graph, head, trigger, tail)
    } else {
        (0, all_of(graph, trigger, FIXED_TERMS))
    };
    let term = condition.ok_or(Refusal::Costly)?;
    let walk = Walk::new(pattern, head, trigger, tail)?;
    Ok(Route::Walk(term, Box::new(walk.led_by(lead))))
}

/// The trigger with what must stand around it, so that fewer walks begin for nothing; and the
/// bytes before the trigger that the condition begins at.
fn thinned(
    graph: &mut Graph,
    head: &[Hir],
    trigger: &[Hir],
    tail: &[Hir],
) -> (usize, Option<Term>) {
    let lead = head.last().and_then(one_of);
    let mut parts: Vec<Hir> = lead.iter().chain(trigger).cloned().collect();
    let mut best = all_of(graph, &parts, FIXED_TERMS);
    for part in tail {
        // Of a long repetition only the first member.
        match one_of(part).filter(|_| longest(part) > THIN_BYTES) {
            Some(first) => parts.push(first),
            None => parts.push(part.clone()),
        }
        match all_of(graph, &parts, THIN_TERMS) {
            Some(more) => best = Some(more),
            None => break,
        }
        if longest(part) > THIN_BYTES {
            break;
        }
    }
    (usize::from(lead.is_some()), best)
}

/// The class of which the part is at least one member.
fn one_of(part: &Hir) -> Option<Hir> {
    match part.kind() {
        HirKind::Class(_) => Some(part.clone()),
        HirKind::Repetition(repetition) if repetition.min > 0 => {
            let is_class = matches!(repetition.sub.kind(), HirKind::Class(_));
            is_class.then(|| (*repetition.sub).clone())
        }
        _ => None,
    }
}

/// One term that holds where the parts begin.
fn all_of(graph: &mut Graph, parts: &[Hir], budget: usize) -> Option<Term> {
    let lengths = shape::lengths(graph, &Hir::concat(parts.to_vec()), &[], budget).ok()?;
    let starts: Vec<Term> = starts(graph, lengths)
        .iter()
        .map(|(_, term)| *term)
        .collect();
    Some(graph.any(&starts))
}

/// A walk from the start of the match: the trigger is what may stand in its first places.
fn walk_from_start(graph: &mut Graph, pattern: u32, hir: &Hir) -> Result<Route, Refusal> {
    if longest(hir) > WALK_BYTES {
        return Err(Refusal::Costly);
    }
    let mut places = [ByteSet::default(); TRIGGER_BYTES];
    leading(hir, 1, &mut places);
    let shortest = hir.properties().minimum_len().unwrap_or(0);
    let mut terms = Vec::new();
    for (place, set) in places.iter().enumerate().take(shortest) {
        terms.push(Term::at(graph.set(*set), place));
    }
    let term = graph.all(&terms);
    let all = std::slice::from_ref(hir);
    let walk = Walk::new(pattern, &[], all, &[])?;
    Ok(Route::Walk(term, Box::new(walk)))
}

/// The parts of an expression in a row; literals byte by byte.
fn flatten(hir: &Hir, parts: &mut Vec<Hir>) {
    match hir.kind() {
        HirKind::Concat(all) => all.iter().for_each(|part| flatten(part, parts)),
        HirKind::Capture(capture) => flatten(&capture.sub, parts),
        HirKind::Literal(literal) => {
            parts.extend(literal.0.iter().map(|byte| Hir::literal([*byte])));
        }
        _ => parts.push(hir.clone()),
    }
}

/// How often the parts may stand somewhere, by a guess at ordinary text; `None` if they cannot
/// be a trigger.
fn rarity(parts: &[Hir]) -> Option<f64> {
    let mut bytes = 0;
    let mut rarity = 1.0;
    for part in parts {
        match part.kind() {
            HirKind::Class(_) | HirKind::Literal(_) => {
                bytes += 1;
                rarity *= alphabet(part).bytes().map(frequency).sum::<f64>();
            }
            _ => return None,
        }
    }
    (1..=TRIGGER_BYTES).contains(&bytes).then_some(rarity)
}

fn frequency(byte: u8) -> f64 {
    match byte {
        b' ' => 0.15,
        b'a' | b'e' | b'i' | b'n' | b'o' | b'r' | b's' | b't' => 0.06,
        b'a'..=b'z' => 0.02,
        b'0'..=b'9' => 0.02,
        b'-' | b'.' | b',' | b'\n' => 0.01,
        b'A'..=b'Z' => 0.005,
        _ => 0.001,
    }
}

/// Whether both walks from the trigger `parts[from..to]` are bounded: short, or ended by the
/// next trigger, or remembered.
fn is_bounded(parts: &[Hir], from: usize, to: usize) -> bool {
    let (head, rest) = parts.split_at(from);
    let (trigger, tail) = rest.split_at(to - from);
    let bounded = |side: &[Hir]| {
        let all = side
            .iter()
            .map(alphabet)
            .fold(ByteSet::default(), ByteSet::or);
        side.iter().map(longest).sum::<usize>() <= WALK_BYTES
            || trigger.iter().any(|part| {
                let own = alphabet(part);
                !own.is_empty() && !own.meets(&all)
            })
    };
    bounded(head) && (bounded(tail) || Walk::has_run_behind(tail))
}

/// Adds what may stand in the first places to `places`. Bit n of `at` is set if the expression
/// may begin at place n; the result says where it may end.
fn leading(hir: &Hir, at: u64, places: &mut [ByteSet]) -> u64 {
    let at = at & ((1 << places.len()) - 1);
    if at == 0 {
        return 0;
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => at,
        HirKind::Literal(literal) => literal
            .0
            .iter()
            .fold(at, |at, byte| place(ByteSet::one(*byte), at, places)),
        HirKind::Class(_) => place(alphabet(hir), at, places),
        HirKind::Capture(capture) => leading(&capture.sub, at, places),
        HirKind::Concat(parts) => parts.iter().fold(at, |at, part| leading(part, at, places)),
        HirKind::Alternation(choices) => choices
            .iter()
            .fold(0, |ends, choice| ends | leading(choice, at, places)),
        HirKind::Repetition(repetition) => {
            // Too much rather than too little: every round may be the last one.
            let may_be_empty = repetition.sub.properties().minimum_len() == Some(0);
            let mut ends = if repetition.min == 0 || may_be_empty {
                at
            } else {
                0
            };
            let mut at = at;
            let rounds = repetition.max.unwrap_or(u32::MAX);
            for _ in 0..rounds.min(places.len() as u32) {
                at = leading(&repetition.sub, at, places);
                ends |= at;
            }
            ends
        }
    }
}

fn place(set: ByteSet, at: u64, places: &mut [ByteSet]) -> u64 {
    for (index, place) in places.iter_mut().enumerate() {
        if at >> index & 1 == 1 {
            *place = place.or(set);
        }
    }
    at << 1
}
