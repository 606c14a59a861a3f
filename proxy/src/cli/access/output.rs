//! Tables for people. What others wrote cannot move the cursor of who reads it.

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::client::{Client, Failed};
use crate::api::views::{GrantView, KeyView};
use crate::cli::print;

/// A text on one line, without what a terminal acts on.
pub(super) fn plain(text: &str) -> String {
    let kept = |char: char| match char {
        '\n' | '\t' => ' ',
        char if char.is_control() || turns(char) => '\u{fffd}',
        char => char,
    };
    text.chars().map(kept).collect()
}

/// Does it turn the direction of writing around?
fn turns(char: char) -> bool {
    let ranges = [
        '\u{200e}'..='\u{200f}',
        '\u{202a}'..='\u{202e}',
        '\u{2066}'..='\u{2069}',
    ];
    ranges.iter().any(|range| range.contains(&char))
}

/// Prints the answer as a program wants it, or as `text` has it.
pub(super) fn show(
    client: &Client,
    answer: &impl Serialize,
    text: impl FnOnce() -> String,
) -> Result<(), Failed> {
    let text = match client.json {
        true => match serde_json::to_string_pretty(answer) {
            Ok(json) => format!("{json}\n"),
            Err(error) => return Err(Failed::Unusable(error.to_string())),
        },
        false => text(),
    };
    // Nobody reads it any more: that changes nothing about what was done.
    let _closed = print(&text);
    Ok(())
}

/// A table, or a line that says that there is nothing.
pub(super) fn table(header: &[&str], rows: Vec<Vec<String>>, nothing: &str) -> String {
    if rows.is_empty() {
        return format!("{nothing}\n");
    }
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header.to_vec());
    if let Ok(size) = rustix::termios::tcgetwinsize(std::io::stdout())
        && size.ws_col > 0
    {
        table.set_width(size.ws_col);
    }
    for row in rows {
        table.add_row(row.iter().map(|cell| plain(cell)));
    }
    format!("{table}\n")
}

/// What is asked for, when, and how it stands: a row of a list.
pub(super) fn grant_row(grant: &GrantView) -> Vec<String> {
    let until = match (&grant.until, &grant.review_by, grant.seconds) {
        (Some(until), _, _) => until.clone(),
        (None, Some(review), _) => format!("review {review}"),
        (None, None, Some(seconds)) => format!("for {seconds} s"),
        (None, None, None) => "standing".to_owned(),
    };
    let state = match (grant.is_overdue, grant.owes_review) {
        (true, _) => format!("{} (overdue)", grant.state),
        (_, true) => format!("{} (to review)", grant.state),
        _ => grant.state.clone(),
    };
    vec![
        grant.id.clone(),
        state,
        grant.kind.clone(),
        grant.identity.clone(),
        format!("{} as {}", grant.resource, grant.policy),
        until,
        format!("{}/{}", grant.approvals.len(), grant.approvals_needed),
        grant.reason.clone(),
    ]
}

/// All that is known of a grant.
pub(super) fn grant(grant: &GrantView) -> String {
    let set = |set: &Option<std::collections::BTreeSet<String>>| match set {
        Some(names) => names.iter().cloned().collect::<Vec<_>>().join(", "),
        None => "all that the policy allows".to_owned(),
    };
    let mut lines = vec![
        ("state", grant_row(grant).swap_remove(1)),
        ("kind", grant.kind.clone()),
        ("identity", grant.identity.clone()),
        (
            "requested by",
            format!("{} at {}", grant.requested_by, grant.requested_at),
        ),
        (
            "resource",
            format!("{} as {}", grant.resource, grant.policy),
        ),
        ("tables", set(&grant.tables)),
        ("columns", set(&grant.columns)),
        ("commands", set(&grant.commands)),
        ("reason", grant.reason.clone()),
    ];
    if !grant.chain.is_empty() {
        lines.push(("on behalf of", grant.chain.join(", ")));
    }
    let optional = [
        ("statement", grant.statement_sha256.clone()),
        ("ticket", grant.ticket.clone()),
        ("not before", grant.start.clone()),
        (
            "length",
            grant.seconds.map(|seconds| format!("{seconds} s")),
        ),
        ("from", grant.from.clone()),
        ("until", grant.until.clone()),
        ("review by", grant.review_by.clone()),
        ("used by", grant.used_by.clone()),
    ];
    lines.extend(
        optional
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    for approval in &grant.approvals {
        let text = format!("{} at {}: {}", approval.by, approval.at, approval.rationale);
        lines.push(("approved", text));
    }
    for (name, decision) in [("reviewed", &grant.review), ("ended", &grant.ended)] {
        if let Some(it) = decision {
            let by = if it.by.is_empty() { "time" } else { &it.by };
            lines.push((name, format!("by {by} at {}: {}", it.at, it.rationale)));
        }
    }
    let mut text = format!("{} (version {})\n", grant.id, grant.version);
    for (name, value) in lines {
        text.push_str(&format!("  {name:<12} {}\n", plain(&value)));
    }
    text
}

/// A row of the list of keys.
pub(super) fn key_row(key: &KeyView) -> Vec<String> {
    let join = |set: &std::collections::BTreeSet<String>| {
        set.iter().cloned().collect::<Vec<_>>().join(", ")
    };
    let roles: Vec<&str> = key.roles.iter().map(|role| role.as_str()).collect();
    let until = match &key.revoked_at {
        Some(at) => format!("revoked {at}"),
        None => format!("until {}", key.expires_at),
    };
    let owner = match key.is_bootstrap {
        true => format!("{} (bootstrap)", key.owner),
        false => key.owner.clone(),
    };
    vec![
        key.id.clone(),
        owner,
        roles.join(", "),
        join(&key.groups),
        join(&key.identities),
        until,
        key.last_used_at
            .clone()
            .unwrap_or_else(|| "never".to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_moves_no_cursor() {
        let hostile = "ok\u{1b}[2J\u{202e}gnp\nnext";
        let shown = table(&["reason"], vec![vec![hostile.to_owned()]], "none");
        assert!(
            !shown.contains('\u{1b}') && !shown.contains('\u{202e}'),
            "{shown:?}"
        );
        assert!(plain(hostile).ends_with("gnp next"));
        assert_eq!(table(&["reason"], Vec::new(), "none"), "none\n");
    }
}
