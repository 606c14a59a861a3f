//! Random sequences of moves against a model of a few lines.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

const PEOPLE: [&str; 4] = ["ann", "bob", "cem", "agent"];

#[derive(Clone, Debug)]
enum Move {
    Approve(&'static str, u64, bool),
    Deny(&'static str),
    Withdraw(&'static str),
    Revoke(&'static str),
    Review(&'static str),
    Use(u128),
    Tick,
}

fn moves() -> impl Strategy<Value = Vec<(Move, i64)>> {
    let who = || select(PEOPLE.to_vec());
    let one = prop_oneof![
        4 => (who(), 1..25_u64, any::<bool>()).prop_map(|(by, length, less)| {
            Move::Approve(by, length, less)
        }),
        1 => who().prop_map(Move::Deny),
        1 => who().prop_map(Move::Withdraw),
        1 => who().prop_map(Move::Revoke),
        2 => who().prop_map(Move::Review),
        3 => (1..4_u128).prop_map(Move::Use),
        3 => Just(Move::Tick),
    ];
    // Minutes that pass before each; the clock steps back, too.
    vec((one, -15..20_i64), 1..30)
}

/// What must be true of a grant of `kind` that takes `needed` approvals, asked for at minute 0
/// for 20 minutes, kept for 60 minutes, reviewed every 40.
struct Model {
    kind: Kind,
    needed: usize,
    state: State,
    approved: BTreeSet<&'static str>,
    length: u64,
    tables: usize,
    /// Minutes of the latest moment seen, of the end, of the review.
    clock: u64,
    until: Option<u64>,
    review_by: Option<u64>,
    used_by: Option<u128>,
    reviewed: bool,
}

impl Model {
    fn new(kind: Kind, needed: usize) -> Self {
        Self {
            kind,
            needed,
            state: State::Requested,
            approved: BTreeSet::new(),
            length: 20,
            tables: 2,
            clock: 0,
            until: None,
            review_by: None,
            used_by: None,
            reviewed: false,
        }
    }

    fn standing(&self) -> bool {
        self.kind == Kind::Standing
    }

    /// The code of the refusal, or nothing.
    fn play(&mut self, step: &Move, minute: u64) -> Option<&'static str> {
        let now = minute.max(self.clock);
        let over = self.until.is_some_and(|until| now >= until);
        let pending = self.state == State::Requested && now < 60;
        let not_pending = match self.state {
            State::Requested => "time-is-up",
            state => Refused::State(state).code(),
        };
        match *step {
            Move::Approve(..) | Move::Deny(_) | Move::Withdraw(_) if !pending => {
                return Some(not_pending);
            }
            Move::Approve("agent", ..) | Move::Deny("agent") => return Some("self-approval"),
            Move::Approve(by, ..) if self.approved.contains(by) => {
                return Some("already-approved-by-you");
            }
            Move::Approve(_, _, false) if self.tables < 2 => return Some("scope-wider"),
            Move::Approve(_, length, _) if !self.standing() && length > self.length => {
                return Some("window-wider");
            }
            Move::Approve(by, length, less) => {
                self.approved.insert(by);
                self.tables = if less { 1 } else { 2 };
                if !self.standing() {
                    self.length = length;
                }
                if self.approved.len() == self.needed {
                    self.state = State::Active;
                    self.until = (!self.standing()).then_some(now + self.length);
                    self.review_by = self.standing().then_some(now + 40);
                }
            }
            Move::Deny(_) => self.state = State::Denied,
            Move::Withdraw("agent") => self.state = State::Withdrawn,
            Move::Withdraw(_) => return Some("not-the-requester"),
            Move::Revoke(_) if self.state != State::Active => {
                return Some(Refused::State(self.state).code());
            }
            Move::Revoke(_) if over => return Some("time-is-up"),
            Move::Revoke(_) => self.state = State::Revoked,
            Move::Review(by) => return self.review(by, now),
            Move::Use(session) => {
                if self.state != State::Active {
                    return Some(Refused::State(self.state).code());
                } else if over {
                    return Some("time-is-up");
                } else if self.review_by.is_some_and(|by| now >= by) {
                    return Some("review-overdue");
                } else if self.used_by.is_some_and(|used| used != session) {
                    return Some("used-up");
                }
                self.used_by = (self.kind == Kind::OneTime).then_some(session);
            }
            Move::Tick if self.state == State::Requested && !pending => {
                self.state = State::Expired;
            }
            Move::Tick if self.state == State::Active && over => self.state = State::Expired,
            Move::Tick => {}
        }
        self.clock = now;
        None
    }

    fn review(&mut self, by: &str, now: u64) -> Option<&'static str> {
        let ended = self.state.is_final() && self.approved.len() == self.needed;
        match self.kind {
            Kind::Standing if self.state == State::Active && by == "agent" => {
                return Some("self-approval");
            }
            Kind::Standing if self.state == State::Active => self.review_by = Some(now + 40),
            Kind::BreakGlass if ended && self.reviewed => return Some("already-reviewed"),
            Kind::BreakGlass if ended && by == "agent" => return Some("self-approval"),
            Kind::BreakGlass if ended && self.approved.contains(by) => {
                return Some("self-approval");
            }
            Kind::BreakGlass if ended => self.reviewed = true,
            _ => return Some("nothing-to-review"),
        }
        self.clock = now;
        None
    }
}

fn play(grant: &mut Grant, step: &Move, now: Timestamp) -> Result<Vec<Event>, Refused> {
    let by = |id: &str| person(id, &[]);
    match *step {
        Move::Approve(id, length, less) => {
            let tables = match less {
                true => set(&["clinical.visits"]),
                false => set(&["clinical.visits", "clinical.notes"]),
            };
            let standing = grant.request.kind == Kind::Standing;
            let narrowing = Narrowing {
                scope: Some(Scope {
                    tables: Some(tables),
                    ..Scope::policy("masked")
                }),
                window: (!standing).then(|| Period::of_ms(length * MINUTE_MS)),
            };
            grant.approve(&by(id), "because", narrowing, now)
        }
        Move::Deny(id) => grant.deny(&by(id), "because", now),
        Move::Withdraw(id) => grant.withdraw(&by(id), "", now),
        Move::Revoke(id) => grant.revoke(&by(id), "because", now),
        Move::Review(id) => grant.review(&by(id), "because", now),
        Move::Use(session) => grant.use_by(SessionId(session), now),
        Move::Tick => Ok(grant.tick(now)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn grants_do_what_the_model_does(
        kind in select(Kind::ALL.to_vec()),
        needed in 1..3_u8,
        moves in moves(),
    ) {
        let terms = Terms {
            approvals: needed,
            pending_ms: 60 * MINUTE_MS,
            review_ms: 40 * MINUTE_MS,
            ..emergency_terms(needed)
        };
        let mut grant = requested(asked(kind, 20), terms);
        let mut model = Model::new(kind, usize::from(needed));
        let mut minute = 0_i64;
        for (step, passed) in moves {
            minute = (minute + passed).max(0);
            let before = grant.clone();
            let clock = u64::try_from(minute).unwrap();
            let refused = play(&mut grant, &step, at(clock)).map(drop);
            let expected = model.play(&step, clock);
            prop_assert_eq!(refused.as_ref().err().map(Refused::code), expected, "{:?}", step);
            if refused.is_err() {
                prop_assert_eq!(&grant, &before, "a refused move changes nothing");
            }
            holds(&before, &grant)?;
            prop_assert_eq!(grant.state, model.state);
            let until = grant.interval.and_then(|it| it.until);
            prop_assert_eq!(until, model.until.map(at));
            prop_assert_eq!(grant.review_by, model.review_by.map(at));
            // What the store keeps is what comes back.
            let text = serde_json::to_string(&grant).unwrap();
            prop_assert_eq!(serde_json::from_str::<Grant>(&text).unwrap(), grant.clone());
        }
    }
}

/// What no step may do, whatever the model says.
fn holds(before: &Grant, after: &Grant) -> Result<(), TestCaseError> {
    prop_assert!(after.scope.is_within(&before.scope), "a wider scope");
    prop_assert!(after.window.is_within(&before.window), "a wider window");
    prop_assert!(after.clock >= before.clock, "a clock that went back");
    if before.state.is_final() {
        prop_assert_eq!(after.state, before.state, "what is over is over");
    }
    if let Some(interval) = before.interval {
        prop_assert_eq!(after.interval, Some(interval), "what was decided stays");
    }
    prop_assert_eq!(&after.request, &before.request);
    prop_assert_eq!(&after.terms, &before.terms);
    Ok(())
}
