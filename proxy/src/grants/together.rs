//! Several gateways on one store: each audits what happened at it, and puts in force what happened
//! at the others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use velum_core::grant::EventKind;

use super::desk::Desk;
use super::moves::Failure;
use crate::observe::{self, Field};
use crate::planes::ActiveGrants;
use crate::store::events::Numbered;
use crate::store::postgres::Heard;

/// How often it is looked for what others did: while somebody listens, who may have missed
/// it; while
/// nobody does; and where something is under way here.
const LISTENING: Duration = Duration::from_secs(5);
const ALONE: Duration = Duration::from_millis(300);
const SOON: Duration = Duration::from_millis(50);
/// What a gateway has not audited for so long another one does.
const LEFT: Duration = Duration::from_secs(60);

/// Events of this gateway that are stored, and not yet marked as audited.
#[derive(Default)]
pub(super) struct Outstanding(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// By number: is it in the audit log?
    own: BTreeMap<u64, bool>,
    /// Of others, and since when they are known.
    others: BTreeMap<(What, u64), Instant>,
}

/// What another gateway may leave behind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Event,
    Administration,
}

impl Outstanding {
    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// They are stored. To be called before anything else is done with the store.
    pub(super) fn stored(&self, events: &[Numbered]) {
        let stored = events.iter().map(|it| (it.sequence, false));
        self.with(|inner| inner.own.extend(stored));
    }

    /// They are in the audit log.
    pub(super) fn audited(&self, sequences: &[u64]) {
        let audited = sequences.iter().map(|it| (*it, true));
        self.with(|inner| inner.own.extend(audited));
    }

    /// They are marked.
    pub(super) fn marked(&self, sequences: &[u64]) {
        self.with(|inner| inner.own.retain(|it, _| !sequences.contains(it)));
    }

    /// Is one on its way to the audit log?
    fn is_busy(&self) -> bool {
        self.with(|inner| inner.own.values().any(|is_audited| !is_audited))
    }

    /// Of this gateway's that are not marked: those that nobody here knows of, which are stored
    /// after all, and now on their way; and the numbers of those that only lack the mark.
    fn sort(&self, found: Vec<Numbered>) -> (Vec<Numbered>, Vec<u64>) {
        self.with(|inner| {
            let mut unknown = Vec::new();
            let mut unmarked = Vec::new();
            for event in found {
                match inner.own.get(&event.sequence) {
                    Some(true) => unmarked.push(event.sequence),
                    Some(false) => {}
                    None => unknown.push(event),
                }
            }
            let stored = unknown.iter().map(|it| (it.sequence, false));
            inner.own.extend(stored);
            (unknown, unmarked)
        })
    }

    /// Those of others that have been there for too long.
    fn left(&self, what: What, found: Vec<u64>, now: Instant) -> Vec<u64> {
        let found: BTreeSet<u64> = found.into_iter().collect();
        self.with(|inner| {
            let others = &mut inner.others;
            others.retain(|(kind, it), _| *kind != what || found.contains(it));
            for it in found {
                others.entry((what, it)).or_insert(now);
            }
            let is_left = |since: &Instant| now.duration_since(*since) >= LEFT;
            let left = others.iter();
            left.filter(|((kind, _), since)| *kind == what && is_left(since))
                .map(|((_, it), _)| *it)
                .collect()
        })
    }
}

impl Desk {
    /// Follows what other gateways do, as long as this one runs; ends at once where there are none.
    pub async fn keep_up(self: Arc<Self>) {
        let Some(mut changes) = self.store.changes() else {
            return;
        };
        let mut before = Heard::default();
        loop {
            let heard = changes.heard();
            let keys = heard.keys != before.keys || !heard.is_listening;
            let settled = self.catch_up(keys).await;
            let is_settled = matches!(settled, Ok(true));
            let wait = match settled {
                Ok(true) if heard.is_listening => LISTENING,
                Ok(true) => ALONE,
                Ok(false) => SOON,
                Err(error) => {
                    if !error.is_passing() {
                        let cause = error.to_string();
                        observe::event("grants-not-kept", &[("cause", Field::Name(&cause))]);
                    }
                    ALONE
                }
            };
            if is_settled {
                before = heard;
            }
            changes.next(wait).await;
        }
    }

    /// Puts in force what others did, and ends what was left in the middle here. False if something
    /// is under way, so that it has to be looked again.
    pub(super) async fn catch_up(self: &Arc<Self>, keys: bool) -> Result<bool, Failure> {
        let outstanding = Arc::clone(&self.outstanding);
        let looked = self.store.run(move |store| {
            store.look(|tx| {
                let (unknown, unmarked) = outstanding.sort(tx.events_not_audited()?);
                let left = [
                    (What::Event, tx.events_left_by_others()?),
                    (What::Administration, tx.administration_left_by_others()?),
                ];
                let now = Instant::now();
                let left = left.map(|(what, found)| outstanding.left(what, found, now));
                Ok::<_, Failure>((unknown, unmarked, left, tx.last_event()?))
            })
        });
        let (unknown, unmarked, left, last) = looked.await.map_err(|_| Failure::Closed)??;
        if !unknown.is_empty() {
            self.follow(unknown.into()).await?;
        }
        if !unmarked.is_empty() {
            self.mark(&unmarked).await?;
        }
        if left.iter().any(|left| !left.is_empty()) {
            self.take_over(left).await?;
            return Ok(false);
        }
        if keys {
            self.publish_keys().await?;
        }
        if *self.news.borrow() >= last {
            return Ok(true);
        }
        // Nobody is let in by what is not in the audit log of the gateway where it was decided, if
        // that is this one.
        if self.outstanding.is_busy() {
            return Ok(false);
        }
        self.publish().await?;
        self.heard.tell_all(last);
        self.news.send_modify(|news| *news = last.max(*news));
        Ok(true)
    }

    /// Has this gateway audit what another one has left behind.
    async fn take_over(&self, left: [Vec<u64>; 2]) -> Result<(), Failure> {
        let count = left.iter().map(Vec::len).sum::<usize>();
        let took = self.store.run(move |store| {
            store.transact(|tx| {
                let [events, done] = &left;
                tx.take_events(events)?;
                tx.give_back_administration(done)
            })
        });
        took.await.map_err(|_| Failure::Closed)??;
        let fields = [("records", Field::Number(count as u64))];
        observe::event("audits-for-another-gateway", &fields);
        Ok(())
    }

    /// Notes that these are in the audit log. Where the store is away it is noted later.
    pub(super) async fn mark(&self, sequences: &[u64]) -> Result<(), Failure> {
        self.outstanding.audited(sequences);
        let numbers = sequences.to_vec();
        let marked = self
            .store
            .run(move |store| store.transact(|tx| tx.mark_audited(&numbers)));
        match marked.await.map_err(|_| Failure::Closed)? {
            Ok(()) => {
                self.outstanding.marked(sequences);
                Ok(())
            }
            Err(error) if error.is_passing() => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Puts in force what happened, also where the store is away by now: then what has ended ends,
    /// and what has begun waits until it is back.
    pub(super) async fn publish_after(&self, events: &[Numbered]) -> Result<bool, Failure> {
        match self.publish().await {
            Ok(()) => Ok(true),
            Err(error) if error.is_passing() => {
                let mut epoch = self.published.lock().await;
                let mut until = self.shared.grants.load().until.clone();
                for Numbered { event, .. } in events {
                    let is_over = matches!(event.kind, EventKind::Revoked | EventKind::Expired);
                    if is_over {
                        until.remove(&event.grant);
                    }
                }
                *epoch += 1;
                let epoch = *epoch;
                self.shared.publish_grants(ActiveGrants { epoch, until });
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use velum_core::grant::{Event, GrantId};
    use velum_core::time::Timestamp;

    use super::*;

    #[test]
    fn what_another_leaves_for_too_long_is_taken_over() {
        let outstanding = Outstanding::default();
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        assert!(outstanding.left(What::Event, vec![4, 5], at(0)).is_empty());
        assert!(outstanding.left(What::Event, vec![5, 6], at(59)).is_empty());
        assert_eq!(
            outstanding.left(What::Event, vec![4, 5, 6], at(60)),
            [5],
            "4 was audited in between"
        );
        assert!(
            outstanding
                .left(What::Administration, vec![6], at(119))
                .is_empty()
        );
        assert_eq!(outstanding.left(What::Event, vec![6], at(119)), [6]);
    }

    #[test]
    fn what_only_lacks_the_mark_is_not_audited_again() {
        let event = |sequence| Numbered {
            sequence,
            event: Event {
                grant: GrantId::new(Timestamp(1), 1),
                at: Timestamp(1),
                kind: EventKind::Approved,
                who: String::new(),
                why: String::new(),
                identity: String::new(),
                resource: String::new(),
                what: String::new(),
                alarm: false,
            },
        };
        let outstanding = Outstanding::default();
        outstanding.stored(&[event(1), event(2)]);
        outstanding.audited(&[1]);
        assert!(outstanding.is_busy());
        let (unknown, unmarked) = outstanding.sort(vec![event(1), event(2), event(3)]);
        let unknown: Vec<u64> = unknown.iter().map(|it| it.sequence).collect();
        assert_eq!((unknown, unmarked), (vec![3], vec![1]));
        outstanding.audited(&[2, 3]);
        outstanding.marked(&[1, 2, 3]);
        assert!(!outstanding.is_busy());
    }
}
