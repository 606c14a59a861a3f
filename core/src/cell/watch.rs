//! What is learnt of a column from its values, shared by all results of one description.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use crate::inspect::{DetectorId, Finding, Watch};

/// A [`Watch`] that the copies of a plan share: a statement that brings one row at a time is
/// watched over all of its executions.
#[derive(Clone)]
pub(crate) struct SharedWatch(Rc<RefCell<Box<dyn Watch>>>);

impl SharedWatch {
    pub(crate) fn new(watch: Box<dyn Watch>) -> Self {
        Self(Rc::new(RefCell::new(watch)))
    }

    pub(super) fn see(&self, value: &[u8], findings: &[Finding]) {
        self.0.borrow_mut().see(value, findings);
    }

    pub(super) fn settled(&self) -> Option<DetectorId> {
        self.0.borrow().settled()
    }
}

impl fmt::Debug for SharedWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedWatch")
    }
}
