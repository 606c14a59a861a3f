//! Names of the message types, and the messages that Velum writes itself.

use super::frame;
use crate::bytes::Outbox;
use crate::error::Refusal;

/// Tags of messages that a client sends ("frontend").
pub mod client {
    /// Bind
    pub const BIND: u8 = b'B';
    /// Close
    pub const CLOSE: u8 = b'C';
    /// CopyData
    pub const COPY_DATA: u8 = b'd';
    /// CopyDone
    pub const COPY_DONE: u8 = b'c';
    /// CopyFail
    pub const COPY_FAIL: u8 = b'f';
    /// Describe
    pub const DESCRIBE: u8 = b'D';
    /// Execute
    pub const EXECUTE: u8 = b'E';
    /// Flush
    pub const FLUSH: u8 = b'H';
    /// FunctionCall
    pub const FUNCTION_CALL: u8 = b'F';
    /// Parse
    pub const PARSE: u8 = b'P';
    /// PasswordMessage, SASLInitialResponse, SASLResponse, GSSResponse
    pub const PASSWORD: u8 = b'p';
    /// Query
    pub const QUERY: u8 = b'Q';
    /// Sync
    pub const SYNC: u8 = b'S';
    /// Terminate
    pub const TERMINATE: u8 = b'X';
}

/// Tags of messages that a server sends ("backend").
pub mod server {
    /// Authentication…
    pub const AUTHENTICATION: u8 = b'R';
    /// BackendKeyData
    pub const BACKEND_KEY_DATA: u8 = b'K';
    /// BindComplete
    pub const BIND_COMPLETE: u8 = b'2';
    /// CloseComplete
    pub const CLOSE_COMPLETE: u8 = b'3';
    /// CommandComplete
    pub const COMMAND_COMPLETE: u8 = b'C';
    /// CopyBothResponse
    pub const COPY_BOTH_RESPONSE: u8 = b'W';
    /// CopyData
    pub const COPY_DATA: u8 = b'd';
    /// CopyDone
    pub const COPY_DONE: u8 = b'c';
    /// CopyInResponse
    pub const COPY_IN_RESPONSE: u8 = b'G';
    /// CopyOutResponse
    pub const COPY_OUT_RESPONSE: u8 = b'H';
    /// DataRow
    pub const DATA_ROW: u8 = b'D';
    /// EmptyQueryResponse
    pub const EMPTY_QUERY_RESPONSE: u8 = b'I';
    /// ErrorResponse
    pub const ERROR_RESPONSE: u8 = b'E';
    /// FunctionCallResponse
    pub const FUNCTION_CALL_RESPONSE: u8 = b'V';
    /// NegotiateProtocolVersion
    pub const NEGOTIATE_PROTOCOL_VERSION: u8 = b'v';
    /// NoData
    pub const NO_DATA: u8 = b'n';
    /// NoticeResponse
    pub const NOTICE_RESPONSE: u8 = b'N';
    /// NotificationResponse
    pub const NOTIFICATION_RESPONSE: u8 = b'A';
    /// ParameterDescription
    pub const PARAMETER_DESCRIPTION: u8 = b't';
    /// ParameterStatus
    pub const PARAMETER_STATUS: u8 = b'S';
    /// ParseComplete
    pub const PARSE_COMPLETE: u8 = b'1';
    /// PortalSuspended
    pub const PORTAL_SUSPENDED: u8 = b's';
    /// ReadyForQuery
    pub const READY_FOR_QUERY: u8 = b'Z';
    /// RowDescription
    pub const ROW_DESCRIPTION: u8 = b'T';
}

/// Queues an ErrorResponse with severity FATAL: what a gateway says between the handshakes and
/// a session.
pub fn refuse(out: &mut Outbox, refusal: &Refusal) {
    write_fatal(out.writer(), refusal);
}

/// Appends an ErrorResponse with severity FATAL: after it the connection is closed.
pub fn write_fatal(out: &mut Vec<u8>, refusal: &Refusal) {
    write_error_fields(out, "FATAL", refusal);
}

/// Appends an ErrorResponse with severity ERROR: the session goes on.
pub fn write_error(out: &mut Vec<u8>, refusal: &Refusal) {
    write_error_fields(out, "ERROR", refusal);
}

/// Appends a Query.
pub fn write_query(out: &mut Vec<u8>, text: &[u8]) {
    frame::write(out, client::QUERY, |out| {
        out.extend_from_slice(text);
        out.push(0);
    });
}

/// Appends a Parse without parameter types.
pub fn write_parse(out: &mut Vec<u8>, name: &[u8], text: &[u8]) {
    write_typed_parse(out, name, text, &[0, 0]);
}

/// Appends a Parse; `types` is the number of parameter types, and the types.
pub fn write_typed_parse(out: &mut Vec<u8>, name: &[u8], text: &[u8], types: &[u8]) {
    frame::write(out, client::PARSE, |out| {
        out.extend_from_slice(name);
        out.push(0);
        out.extend_from_slice(text);
        out.push(0);
        out.extend_from_slice(types);
    });
}

/// Appends a Describe; `kind` is `S` for a statement, `P` for a portal.
pub fn write_describe(out: &mut Vec<u8>, kind: u8, name: &[u8]) {
    write_kind_and_name(out, client::DESCRIBE, kind, name);
}

/// Appends a Close; `kind` as in [`write_describe`].
pub fn write_close(out: &mut Vec<u8>, kind: u8, name: &[u8]) {
    write_kind_and_name(out, client::CLOSE, kind, name);
}

fn write_kind_and_name(out: &mut Vec<u8>, tag: u8, kind: u8, name: &[u8]) {
    frame::write(out, tag, |out| {
        out.push(kind);
        out.extend_from_slice(name);
        out.push(0);
    });
}

/// Appends a Bind without parameters, for a result in text.
pub fn write_bind(out: &mut Vec<u8>, portal: &[u8], statement: &[u8]) {
    frame::write(out, client::BIND, |out| {
        for name in [portal, statement] {
            out.extend_from_slice(name);
            out.push(0);
        }
        out.extend_from_slice(&[0; 6]);
    });
}

/// Appends an Execute of all rows.
pub fn write_execute(out: &mut Vec<u8>, portal: &[u8]) {
    frame::write(out, client::EXECUTE, |out| {
        out.extend_from_slice(portal);
        out.extend_from_slice(&[0; 5]);
    });
}

/// Appends a Sync.
pub fn write_sync(out: &mut Vec<u8>) {
    frame::write(out, client::SYNC, |_| {});
}

fn write_error_fields(out: &mut Vec<u8>, severity: &str, refusal: &Refusal) {
    frame::write(out, server::ERROR_RESPONSE, |out| {
        let mut field = |tag: u8, text: &str| {
            out.push(tag);
            out.extend(text.bytes().filter(|&byte| byte != 0));
            out.push(0);
        };
        field(b'S', severity);
        field(b'V', severity);
        field(b'C', refusal.code.as_str());
        field(b'M', &refusal.message);
        if let Some(hint) = &refusal.hint {
            field(b'H', hint);
        }
        out.push(0);
    });
}
