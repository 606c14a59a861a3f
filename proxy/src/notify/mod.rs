//! Who wants to be told of what is told of it: by webhook, in Slack, or by e-mail.
//!
//! ```text
//!  a move ─ one transaction ─▶ events, notifications ─▶ courier ─▶ target (or again, later)
//! ```
//!
//! A notification is written with what it tells of, and stays until it has been delivered: a crash
//! in between delivers it again, under the same name. What it says has been masked before it was
//! stored. A link in it carries no power: whoever follows it has to show who they are.
//!
//! * [`outbox`]: what is to be told, and to whom. `courier`: sees to it on the control thread.
//! * [`message`]: how it reads. `webhook`, `mail`: how it goes out.

pub(crate) mod courier;
mod mail;
pub mod message;
pub mod outbox;
mod webhook;
