//! What crosses threads.
//!
//! ```text
//!               Snapshot, ActiveGrants (ArcSwap, by epoch) · CatalogSlot · DurableMark  + Wake
//!   control  ───────────────────────────────────────────────────────────▶  data threads 0..N-1
//!   thread   ◀───────────────────────────────────────────────────────────  (one ring each)
//!               Batch of audit records · ControlRequest           (both bounded)
//! ```
//!
//! Down: immutable values, swapped whole. A session keeps the snapshot that it started with.
//! Up: a bounded queue. When it is full, sessions stop reading; a record is never dropped.
//! [`cancel`] is the one table that all data threads write.

pub mod cancel;
pub mod grants;
pub mod keys;
pub mod room;
pub mod snapshot;
pub mod uplink;
pub mod wake;

pub use cancel::{CancelMap, CancelTarget};
pub use grants::{ActiveGrants, Admission, GrantAnswer, GrantQuestion, GrantRule, Missing};
pub use keys::{Doors, KnownKey, MachineKeys};
pub use room::Room;
pub use snapshot::{
    Ahead, CatalogSlot, DatabaseMapping, Limits, ListenerSnapshot, ListenerTls, Loaded,
    ResourceSnapshot, Reuse, Snapshot, UpstreamAddress, UpstreamTls, UpstreamUser,
};
pub use uplink::{Batch, ControlRequest, DurableMark, Receivers, Shared, State, ThreadLink};
pub use wake::Wake;
