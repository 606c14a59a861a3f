//! Makes one operation of this thread fail, counted from where it was planned.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// How it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::audit) enum Fault {
    /// ENOSPC, nothing written.
    NoSpace,
    /// EIO, nothing written.
    Broken,
    /// Half of it is written, and that is what the system says.
    Short,
    /// Half of it is written, and then EIO.
    Torn,
    /// EIO of a sync, after which what was written since the last one is gone: the pages were
    /// dropped. Other operations fail as with [`Fault::Broken`].
    Dropped,
}

impl Fault {
    pub(in crate::audit) const ALL: [Self; 5] = [
        Self::NoSpace,
        Self::Broken,
        Self::Short,
        Self::Torn,
        Self::Dropped,
    ];

    fn error(self) -> io::Error {
        let errno = match self {
            Fault::NoSpace => rustix::io::Errno::NOSPC,
            _ => rustix::io::Errno::IO,
        };
        errno.into()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::audit) enum Step {
    Sync,
    Other,
}

struct Plan {
    /// Operations up to and with the one that fails.
    left: u64,
    fault: Fault,
    /// Written and not synced.
    unsynced: Vec<(File, u64, usize)>,
}

thread_local! {
    static PLAN: RefCell<Option<Plan>> = const { RefCell::new(None) };
}

/// The `nth` operation from here on fails.
pub(in crate::audit) fn plan(nth: u64, fault: Fault) {
    let plan = Plan {
        left: nth,
        fault,
        unsynced: Vec::new(),
    };
    PLAN.with_borrow_mut(|it| *it = Some(plan));
}

/// The disk is in order again. Has an operation failed?
pub(in crate::audit) fn end() -> bool {
    let plan = PLAN.with_borrow_mut(Option::take);
    plan.is_some_and(|plan| plan.left == 0)
}

/// Counts an operation: does it fail? Those behind it do not, so that whoever tries again would
/// be told that all is well.
fn next(plan: &mut Plan) -> Option<Fault> {
    let fails = plan.left == 1;
    plan.left = plan.left.saturating_sub(1);
    fails.then_some(plan.fault)
}

pub(super) fn fails(step: Step) -> io::Result<()> {
    PLAN.with_borrow_mut(|plan| {
        let Some(plan) = plan else {
            return Ok(());
        };
        let fault = next(plan);
        if step == Step::Sync {
            let unsynced = std::mem::take(&mut plan.unsynced);
            if fault == Some(Fault::Dropped) {
                for (file, at, bytes) in unsynced {
                    file.write_all_at(&vec![0; bytes], at)?;
                }
            }
        }
        fault.map_or(Ok(()), |fault| Err(fault.error()))
    })
}

/// What a write comes to, if a plan is there.
pub(super) fn write(file: &File, bytes: &[u8], at: u64) -> Option<io::Result<usize>> {
    PLAN.with_borrow_mut(|plan| {
        let plan = plan.as_mut()?;
        let half = bytes.split_at(bytes.len() / 2).0;
        let written = match next(plan) {
            None => file.write_all_at(bytes, at).map(|()| bytes.len()),
            Some(Fault::Short) => file.write_all_at(half, at).map(|()| half.len()),
            Some(Fault::Torn) => file.write_all_at(half, at).and(Err(Fault::Torn.error())),
            Some(fault) => Err(fault.error()),
        };
        if let Ok(file) = file.try_clone() {
            plan.unsynced.push((file, at, bytes.len()));
        }
        Some(written)
    })
}
