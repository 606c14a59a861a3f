//! What can be done to a grant. A move that is refused changes nothing.

use super::event::{Event, EventKind};
use super::refused::Refused;
use super::request::{GrantId, Kind, Period, Person, Request, Scope};
use super::state::{Approval, Ended, Facts, Grant, Interval, Review, State, session_name};
use super::terms::Terms;
use crate::audit::record::SessionId;
use crate::limits::{GRANT_NAME_BYTES, GRANT_NAMES, GRANT_TEXT_BYTES};
use crate::time::Timestamp;

/// What an approval allows less than what was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Narrowing {
    /// This scope in the place of the request's.
    pub scope: Option<Scope>,
    /// This window in the place of the request's.
    pub window: Option<Period>,
}

type Moved = Result<Vec<Event>, Refused>;

impl Grant {
    /// A new request. `unreviewed` is an earlier emergency of the same identity that
    /// [owes a review](Grant::owes_review).
    ///
    /// # Errors
    /// What is missing, too much, or not allowed to this identity.
    pub fn request(
        id: GrantId,
        request: Request,
        terms: Terms,
        unreviewed: Option<GrantId>,
        now: Timestamp,
    ) -> Result<(Self, Vec<Event>), Refused> {
        is_said(&request.reason, Refused::NoReason)?;
        is_acceptable(&request, &terms, now)?;
        if let (Kind::BreakGlass, Some(earlier)) = (request.kind, unreviewed) {
            return Err(Refused::Unreviewed(earlier));
        }
        let grant = Self(Facts {
            id,
            scope: request.scope.clone(),
            window: request.window,
            request,
            terms,
            requested_at: now,
            state: State::Requested,
            approvals: Vec::new(),
            interval: None,
            review_by: None,
            is_overdue: false,
            used_by: None,
            review: None,
            ended: None,
            clock: now,
        });
        let (who, why) = (&grant.request.requester.by, &grant.request.reason);
        let event = grant.event(EventKind::Requested, who, why);
        Ok((grant, vec![event]))
    }

    /// Somebody agrees, to all of it or to less. With the last one that is needed it holds, from
    /// now or from the start of its window on.
    ///
    /// # Errors
    /// Without a rationale; by somebody who may not decide about it, or has; to more than was
    /// asked for; too late.
    pub fn approve(
        &mut self,
        by: &Person,
        rationale: &str,
        narrowing: Narrowing,
        now: Timestamp,
    ) -> Moved {
        let now = self.may_be_decided(by, rationale, now)?;
        // Who acts for one of those who have agreed says the same once more.
        if self
            .approvals
            .iter()
            .any(|earlier| earlier.by.is_one_with(by))
        {
            return Err(Refused::Twice);
        }
        let scope = narrowing.scope.unwrap_or_else(|| self.scope.clone());
        let window = narrowing.window.unwrap_or(self.window);
        if !scope.is_within(&self.scope) {
            return Err(Refused::WiderScope);
        }
        if !window.is_within(&self.window) {
            return Err(Refused::WiderWindow);
        }
        if window.length_ms == Some(0) {
            return Err(Refused::NoWindow);
        }
        if window.end().is_some_and(|end| end <= now) {
            return Err(Refused::Past);
        }
        let facts = &mut self.0;
        facts.clock = now;
        (facts.scope, facts.window) = (scope, window);
        facts.approvals.push(Approval {
            by: by.clone(),
            rationale: rationale.to_owned(),
            at: now,
        });
        let mut events = vec![self.event(EventKind::Approved, &by.id, rationale)];
        if self.approvals.len() >= usize::from(self.needed()) {
            self.decide(now);
            events.extend(self.tick(now));
        }
        Ok(events)
    }

    /// Somebody says no, which ends it.
    ///
    /// # Errors
    /// As [`Grant::approve`].
    pub fn deny(&mut self, by: &Person, rationale: &str, now: Timestamp) -> Moved {
        let now = self.may_be_decided(by, rationale, now)?;
        Ok(self.end(State::Denied, EventKind::Denied, &by.id, rationale, now))
    }

    /// Who asked does not need it any more.
    ///
    /// # Errors
    /// By anybody else, or once it is decided.
    pub fn withdraw(&mut self, by: &Person, reason: &str, now: Timestamp) -> Moved {
        let now = self.is_requested(now)?;
        if reason.len() > GRANT_TEXT_BYTES {
            return Err(Refused::TooLongText);
        }
        let is_theirs = self.request.requester.everybody().any(|name| {
            // Who acts for them may as well.
            by.everybody().any(|own| own == name)
        });
        if !is_theirs {
            return Err(Refused::NotTheRequester);
        }
        Ok(self.end(State::Withdrawn, EventKind::Withdrawn, &by.id, reason, now))
    }

    /// Somebody ends what has been decided. Who may is the caller's to say: giving up what one
    /// has is nobody's interest alone.
    ///
    /// # Errors
    /// Without a rationale, or where there is nothing to end.
    pub fn revoke(&mut self, by: &Person, rationale: &str, now: Timestamp) -> Moved {
        is_said(rationale, Refused::NoRationale)?;
        let now = now.max(self.clock);
        match self.state {
            State::Approved | State::Active if self.is_over(now) => Err(Refused::Expired),
            State::Approved | State::Active => {
                Ok(self.end(State::Revoked, EventKind::Revoked, &by.id, rationale, now))
            }
            state => Err(Refused::State(state)),
        }
    }

    /// Somebody has looked at it: a standing grant holds on, or again; an emergency is settled.
    ///
    /// # Errors
    /// Without a rationale; by who asked for it; where there is nothing to review.
    pub fn review(&mut self, by: &Person, rationale: &str, now: Timestamp) -> Moved {
        is_said(rationale, Refused::NoRationale)?;
        let now = now.max(self.clock);
        let review_by = match (self.request.kind, self.state) {
            (Kind::Standing, State::Active) if self.is_over(now) => return Err(Refused::Expired),
            (Kind::Standing, State::Active) => Some(now.after_ms(self.terms.review_ms)),
            (Kind::BreakGlass, state) if state.is_final() && self.interval.is_some() => {
                if self.review.is_some() {
                    return Err(Refused::Reviewed);
                }
                None
            }
            _ => return Err(Refused::NothingToReview),
        };
        self.may_decide(by)?;
        if self.request.kind == Kind::BreakGlass
            && self
                .approvals
                .iter()
                .any(|earlier| earlier.by.is_one_with(by))
        {
            return Err(Refused::SelfApproval(by.id.clone()));
        }
        let facts = &mut self.0;
        facts.clock = now;
        facts.review_by = review_by;
        facts.is_overdue = false;
        facts.review = Some(Review {
            by: by.id.clone(),
            rationale: rationale.to_owned(),
            at: now,
        });
        Ok(vec![self.event(EventKind::Reviewed, &by.id, rationale)])
    }

    /// A session is let in by it. A one-time grant lets no other in after.
    ///
    /// # Errors
    /// See [`Grant::usable`].
    pub fn use_by(&mut self, session: SessionId, now: Timestamp) -> Moved {
        self.usable(Some(session), now)?;
        let mut events = self.tick(now);
        if self.request.kind == Kind::OneTime {
            self.0.used_by = Some(session_name(session));
        }
        let identity = &self.request.requester.identity;
        events.push(self.event(EventKind::Used, identity, ""));
        Ok(events)
    }

    /// What time alone brings about, up to `now`. A moment before the latest that it knows of
    /// brings about nothing.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Event> {
        let now = now.max(self.clock);
        let mut events = Vec::new();
        self.0.clock = now;
        match self.state {
            State::Requested if now >= self.pending_until() => {
                let why = "nobody decided in time";
                return self.end(State::Expired, EventKind::Expired, "", why, now);
            }
            State::Approved | State::Active if self.is_over(now) => {
                let why = "its window is over";
                return self.end(State::Expired, EventKind::Expired, "", why, now);
            }
            State::Approved if self.interval.is_some_and(|it| now >= it.from) => {
                self.0.state = State::Active;
                let mut event = self.event(EventKind::Activated, "", "");
                let emergency = self.terms.break_glass.filter(|it| it.alarms());
                event.alarm = self.request.kind == Kind::BreakGlass && emergency.is_some();
                events.push(event);
            }
            _ => {}
        }
        let due = self.review_by.is_some_and(|by| now >= by);
        if self.state == State::Active && due && !self.is_overdue {
            self.0.is_overdue = true;
            let why = "nobody reviewed it in time";
            events.push(self.event(EventKind::Overdue, "", why));
        }
        events
    }

    /// Enough have agreed.
    fn decide(&mut self, now: Timestamp) {
        let facts = &mut self.0;
        let from = facts.window.start.map_or(now, |start| start.max(now));
        let from_start = facts.window.length_ms.map(|length| now.after_ms(length));
        facts.interval = Some(Interval {
            from,
            until: facts.window.end().or(from_start),
        });
        if facts.request.kind == Kind::Standing {
            facts.review_by = Some(now.after_ms(facts.terms.review_ms));
        }
        facts.state = State::Approved;
    }

    fn end(
        &mut self,
        state: State,
        kind: EventKind,
        by: &str,
        why: &str,
        now: Timestamp,
    ) -> Vec<Event> {
        let facts = &mut self.0;
        facts.clock = now;
        facts.state = state;
        facts.ended = Some(Ended {
            by: by.to_owned(),
            why: why.to_owned(),
            at: now,
        });
        vec![self.event(kind, by, why)]
    }

    fn is_over(&self, now: Timestamp) -> bool {
        let until = self.interval.and_then(|interval| interval.until);
        until.is_some_and(|until| now >= until)
    }

    fn is_requested(&self, now: Timestamp) -> Result<Timestamp, Refused> {
        let now = now.max(self.clock);
        match self.state {
            State::Requested if now >= self.pending_until() => Err(Refused::Expired),
            State::Requested => Ok(now),
            state => Err(Refused::State(state)),
        }
    }

    fn may_be_decided(
        &self,
        by: &Person,
        rationale: &str,
        now: Timestamp,
    ) -> Result<Timestamp, Refused> {
        is_said(rationale, Refused::NoRationale)?;
        let now = self.is_requested(now)?;
        self.may_decide(by)?;
        Ok(now)
    }

    /// Nobody decides about themselves, whoever acts for whom; nor about those with whom they
    /// have an interest in common.
    fn may_decide(&self, by: &Person) -> Result<(), Refused> {
        let requester = &self.request.requester;
        if let Some(own) = by
            .everybody()
            .find(|own| requester.everybody().any(|name| name == *own))
        {
            return Err(Refused::SelfApproval(own.to_owned()));
        }
        let mut shared = by.groups.intersection(&requester.groups);
        if let Some(group) = shared.find(|group| self.terms.conflicts.contains(*group)) {
            return Err(Refused::Conflict(group.clone()));
        }
        let Terms {
            approvers,
            approver_groups,
            ..
        } = &self.terms;
        let is_named = approvers.is_empty() || approvers.contains(&by.id);
        let is_member = approver_groups.is_empty() || !approver_groups.is_disjoint(&by.groups);
        match is_named && is_member {
            true => Ok(()),
            false => Err(Refused::NotAnApprover),
        }
    }

    fn event(&self, kind: EventKind, who: &str, why: &str) -> Event {
        Event {
            grant: self.id,
            at: self.clock,
            kind,
            who: who.to_owned(),
            why: why.to_owned(),
            identity: self.request.requester.identity.clone(),
            resource: self.request.resource.clone(),
            what: self.in_words(),
            alarm: false,
        }
    }

    /// Kind, scope, window, chain, ticket and approvals on one line.
    fn in_words(&self) -> String {
        let Facts { scope, window, .. } = &**self;
        let mut words = format!("{} policy={}", self.request.kind.as_str(), scope.policy);
        let sets = [
            ("tables", &scope.tables),
            ("columns", &scope.columns),
            ("commands", &scope.commands),
        ];
        for (name, set) in sets {
            if let Some(set) = set {
                let names: Vec<&str> = set.iter().map(String::as_str).collect();
                words.push_str(&format!(" {name}={}", names.join(",")));
            }
        }
        if let Some(hash) = scope.statement {
            words.push_str(&format!(" statement={}", String::from(hash)));
        }
        if let Some(length_ms) = window.length_ms {
            words.push_str(&format!(" seconds={}", length_ms / 1_000));
        }
        let chain = &self.request.requester.chain;
        if !chain.is_empty() {
            words.push_str(&format!(" on-behalf-of={}", chain.join(",")));
        }
        if let Some(ticket) = &self.request.ticket {
            words.push_str(&format!(" ticket={ticket:?}"));
        }
        words.push_str(&format!(
            " approvals={}/{}",
            self.approvals.len(),
            self.needed()
        ));
        words
    }
}

/// Names are short and of one line, and there are not too many of them.
fn is_plain(request: &Request) -> bool {
    let scope = &request.scope;
    let sets = [&scope.tables, &scope.columns, &scope.commands];
    let named = sets.into_iter().flatten().flatten();
    let chain = request.requester.chain.iter();
    let is_short = |name: &String| {
        !name.is_empty() && name.len() <= GRANT_NAME_BYTES && !name.chars().any(char::is_control)
    };
    chain.len() + named.clone().count() <= GRANT_NAMES
        && chain.chain(named).chain(&request.ticket).all(is_short)
}

/// A text that says something and is not too long.
fn is_said(text: &str, missing: Refused) -> Result<(), Refused> {
    match text.trim().is_empty() {
        true => Err(missing),
        false if text.len() > GRANT_TEXT_BYTES => Err(Refused::TooLongText),
        false => Ok(()),
    }
}

fn is_acceptable(request: &Request, terms: &Terms, now: Timestamp) -> Result<(), Refused> {
    let names = [
        &request.requester.identity,
        &request.requester.by,
        &request.resource,
        &request.scope.policy,
    ];
    if names.into_iter().any(String::is_empty) {
        return Err(Refused::Nameless);
    }
    if !is_plain(request) {
        return Err(Refused::Unprintable);
    }
    let longest_ms = match (request.kind, terms.break_glass) {
        (Kind::BreakGlass, None) => return Err(Refused::NoBreakGlass),
        (Kind::BreakGlass, Some(emergency)) => emergency.longest_ms,
        _ => terms.longest_ms,
    };
    match (request.kind, request.window.length_ms) {
        (Kind::Standing, None) => {}
        (Kind::Standing, Some(_)) => return Err(Refused::StandingWindow),
        (_, None | Some(0)) => return Err(Refused::NoWindow),
        (_, Some(length_ms)) if length_ms > longest_ms => {
            return Err(Refused::TooLong { longest_ms });
        }
        _ => {}
    }
    match request.window.end() {
        Some(end) if end <= now => Err(Refused::Past),
        _ => Ok(()),
    }
}
