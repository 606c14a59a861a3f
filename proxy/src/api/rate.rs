//! How often a caller may ask: a bucket for each, refilled steadily, a minute's worth at most.
//!
//! Strangers and those who have shown who they are have buckets apart: however many addresses
//! somebody comes from, nobody who is known is kept out.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Callers that are remembered, of either kind.
const CALLERS: usize = 10_000;
const MINUTE_S: f64 = 60.0;
/// Buckets that are full again are looked for so often at most.
const SWEPT_EVERY: Duration = Duration::from_secs(1);

struct Bucket {
    left: f64,
    most: f64,
    at: Instant,
}

/// See the module's text.
#[derive(Default)]
pub(super) struct Rates {
    known: Mutex<Buckets>,
    strangers: Mutex<Buckets>,
}

#[derive(Default)]
struct Buckets {
    all: HashMap<String, Bucket>,
    swept: Option<Instant>,
}

impl Rates {
    /// Takes one from the bucket of a caller who has shown who they are.
    ///
    /// # Errors
    /// Seconds until there is one.
    pub(super) fn take(&self, caller: &str, per_minute: u32, now: Instant) -> Result<(), u64> {
        take(&self.known, caller, per_minute, now)
    }

    /// The same of somebody at an address, for one kind of requests.
    ///
    /// # Errors
    /// Seconds until there is one.
    pub(super) fn take_stranger(
        &self,
        kind: &str,
        address: IpAddr,
        per_minute: u32,
        now: Instant,
    ) -> Result<(), u64> {
        let caller = format!("{kind}:{}", neighbourhood(address));
        take(&self.strangers, &caller, per_minute, now)
    }
}

/// What one stranger has for an address: of IPv6, all of a network of 64 bits.
pub(super) fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(network))
        }
        address @ IpAddr::V4(_) => address,
    }
}

fn take(buckets: &Mutex<Buckets>, caller: &str, per_minute: u32, now: Instant) -> Result<(), u64> {
    let most = f64::from(per_minute.max(1));
    let mut buckets = buckets.lock().unwrap_or_else(PoisonError::into_inner);
    if !buckets.all.contains_key(caller) {
        buckets.make_room(now);
    }
    let bucket = buckets.all.entry(caller.to_owned()).or_insert(Bucket {
        left: most,
        most,
        at: now,
    });
    bucket.most = most;
    bucket.left = bucket.refilled(now);
    bucket.at = now;
    if bucket.left < 1.0 {
        let seconds = (1.0 - bucket.left) * MINUTE_S / most;
        return Err(seconds.ceil().max(1.0) as u64);
    }
    bucket.left -= 1.0;
    Ok(())
}

impl Buckets {
    /// Those that are full again go first, and then any: a newcomer is never refused for others.
    fn make_room(&mut self, now: Instant) {
        if self.all.len() < CALLERS {
            return;
        }
        let is_recent = |at: Instant| now.saturating_duration_since(at) < SWEPT_EVERY;
        if !self.swept.is_some_and(is_recent) {
            self.swept = Some(now);
            self.all
                .retain(|_, bucket| bucket.refilled(now) < bucket.most);
        }
        while self.all.len() >= CALLERS {
            let Some(any) = self.all.keys().next().cloned() else {
                return;
            };
            self.all.remove(&any);
        }
    }
}

impl Bucket {
    fn refilled(&self, now: Instant) -> f64 {
        let passed_s = now.saturating_duration_since(self.at).as_secs_f64();
        (self.left + passed_s * self.most / MINUTE_S).min(self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_gets_what_a_minute_holds_and_others_get_theirs() {
        let rates = Rates::default();
        let start = Instant::now();
        for _ in 0..60 {
            assert_eq!(rates.take("one", 60, start), Ok(()));
        }
        assert_eq!(rates.take("one", 60, start), Err(1));
        assert_eq!(rates.take("two", 60, start), Ok(()));
        let later = start + Duration::from_secs(2);
        assert_eq!(rates.take("one", 60, later), Ok(()));
        assert_eq!(rates.take("one", 60, later), Ok(()));
        assert_eq!(rates.take("one", 60, later), Err(1));
        assert_eq!(rates.take("slow", 1, start), Ok(()));
        assert_eq!(rates.take("slow", 1, start), Err(60));
    }

    #[test]
    fn strangers_from_everywhere_keep_nobody_out() {
        let rates = Rates::default();
        let start = Instant::now();
        for number in 0..3 * CALLERS as u32 {
            let address = IpAddr::from((0x0a00_0000 + number).to_be_bytes());
            assert_eq!(rates.take_stranger("address", address, 30, start), Ok(()));
        }
        assert_eq!(rates.take("key:1", 600, start), Ok(()));
        let newcomer = IpAddr::from([192, 0, 2, 1]);
        assert_eq!(rates.take_stranger("login", newcomer, 1, start), Ok(()));
        assert_eq!(rates.take_stranger("login", newcomer, 1, start), Err(60));
        assert_eq!(rates.strangers.lock().unwrap().all.len(), CALLERS);
        let later = start + Duration::from_secs(61);
        assert_eq!(rates.take_stranger("login", newcomer, 1, later), Ok(()));
        let other = IpAddr::from([192, 0, 2, 2]);
        assert_eq!(rates.take_stranger("login", other, 1, later), Ok(()));
        assert_eq!(rates.strangers.lock().unwrap().all.len(), 2);
    }

    #[test]
    fn a_network_is_one_stranger() {
        let of = |text: &str| neighbourhood(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1:2:3"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
