//! Every bound of the system, in one place, unit in the name.
//!
//! A peer's declared length is never followed: memory grows only with bytes that have arrived,
//! and only up to these bounds.

/// Storage of a session that exchanges small messages.
pub const WINDOW_SMALL_BYTES: usize = 16 * 1024;
/// Storage of a session in the middle of a bulk result.
pub const WINDOW_BULK_BYTES: usize = 256 * 1024;
/// A row up to this size (tag and length included) is judged whole; a larger one streams.
/// The choice depends on the declared length alone, so that any chunking gives the same output.
pub const ROW_WHOLE_BYTES: usize = 128 * 1024;
/// A larger row with a value that can only be judged whole is held up to this size; one that is
/// larger still is refused before its first byte leaves.
pub const ROW_HELD_BYTES: usize = 16 * 1024 * 1024;
/// A streamed value is scanned in blocks of this size.
pub const STREAM_BLOCK_BYTES: usize = 64 * 1024;
/// Longest span that a content finding may cover; what a streamed value holds back.
pub const FINDING_SPAN_BYTES: usize = 4 * 1024;
/// Longest value of an identifying column that is looked for in the row's other texts.
pub const KNOWN_VALUE_BYTES: usize = 256;
/// PostgreSQL's own MAX_STARTUP_PACKET_LENGTH.
pub const STARTUP_MESSAGE_BYTES: usize = 10_000;
/// Longest message before authentication is complete (SASL, password).
pub const AUTH_MESSAGE_BYTES: usize = 16 * 1024;
/// Longest token that proves who somebody is.
pub const TOKEN_BYTES: usize = 16 * 1024;
/// Longest message that brings one: its frame, and what OAUTHBEARER writes around it.
pub const TOKEN_MESSAGE_BYTES: usize = TOKEN_BYTES + 512;
/// SQL text, and every other message that has to be judged whole. Drivers send literals of
/// 50 MiB in their own tests.
pub const MESSAGE_WHOLE_BYTES: usize = 64 * 1024 * 1024;
/// SQL text that is read lexeme by lexeme; a longer one counts as a statement that may write, and
/// what it copies out is masked whole. Reading takes some 50 ns a byte at the worst, and holds up
/// every session of its thread.
pub const STATEMENT_ANALYSED_BYTES: usize = 1024 * 1024;
/// Columns of one result; PostgreSQL's MaxTupleAttributeNumber is 1,664.
pub const COLUMNS: usize = 1_664;
/// Prepared statements that one session may hold.
pub const STATEMENTS: usize = 10_000;
/// Portals that one session may hold.
pub const PORTALS: usize = 10_000;
/// Channels of one session whose names are shown in notifications.
pub const CHANNELS: usize = 1_024;
/// Names of one session's statements that may name columns of later ones.
pub const GIVEN_NAMES: usize = 4_096;
/// Bytes of statement texts, row shapes and plans that one session may hold.
pub const SESSION_STATE_BYTES: usize = 64 * 1024 * 1024;
/// `COPY … TO STDOUT` statements of one text whose columns are asked for; where there are more,
/// all values are masked.
pub const COPIES: usize = 64;
/// Client messages whose answers are outstanding; beyond it the client is not read.
pub const PIPELINE_MESSAGES: usize = 16 * 1024;
/// Iterations of SCRAM that an upstream may ask for; a hostile one asks for billions.
pub const SCRAM_ITERATIONS: u32 = 100_000;
/// From the first byte of a connection to the end of its authentication.
pub const PRE_AUTH_DEADLINE_MS: u64 = 10_000;
/// Statement text that a record carries; the rest is named by length and token.
pub const RECORD_STATEMENT_BYTES: usize = 16 * 1024;
/// Columns by which a record counts masked cells; those of others are counted together.
pub const RECORD_COLUMNS: usize = 256;
/// Output columns of which a record says what columns under rules they show.
pub const RECORD_OUTPUTS: usize = 64;
/// Columns under rules that a record names of one output column.
pub const RECORD_SOURCES: usize = 16;
/// Columns of a receipt; others are counted together.
pub const RECEIPT_COLUMNS: usize = 1_024;
/// A receipt with its proofs as a file.
pub const RECEIPT_FILE_BYTES: usize = 16 * 1024 * 1024;
/// Canonical bytes of one record: a statement's text and the tokens of 65,535 bind values fit well.
pub const RECORD_BYTES: usize = 4 * 1024 * 1024;
/// A signed note: room for the signatures below, of the longest kind that is in use (ML-DSA-44).
pub const NOTE_BYTES: usize = 256 * 1024;
/// Signatures of a note. C2SP asks for 16 at least.
pub const NOTE_SIGNATURES: usize = 64;
/// Hashes of a proof; a tree of 2^63 leaves needs no more.
pub const PROOF_HASHES: usize = 63;
/// Depth of arrays, composites and JSON that is followed; deeper is masked whole.
pub const NESTING_DEPTH: usize = 64;
/// Statement texts that are parsed, and the trees that they may have. What is larger still runs:
/// it is judged as a text that nobody has read.
pub const TREE: velum_parser::Limits = velum_parser::Limits {
    text_bytes: 64 * 1024,
    depth: velum_parser::DEPTH_MAX,
    nodes: 50_000,
};
/// Cursors and statements of one session that were declared or prepared in SQL and are known.
pub const HANDLES: usize = 1_024;
/// Statement texts whose analyses the sessions of a thread keep for a database.
pub const ANALYSES_BYTES: usize = 8 * 1024 * 1024;
/// Steps of one analysis of what flows into a statement's output; a step is the look at a node,
/// a column or a source.
pub const LINEAGE_STEPS: usize = 500_000;
/// Reason of a request or rationale of a decision.
pub const GRANT_TEXT_BYTES: usize = 4 * 1024;
/// A name of a grant's scope or chain, or its ticket.
pub const GRANT_NAME_BYTES: usize = 256;
/// Such names of one request.
pub const GRANT_NAMES: usize = 500;

const _: () = assert!(WINDOW_SMALL_BYTES >= STARTUP_MESSAGE_BYTES);
const _: () = assert!(WINDOW_SMALL_BYTES >= AUTH_MESSAGE_BYTES);
const _: () = assert!(WINDOW_BULK_BYTES >= TOKEN_MESSAGE_BYTES);
const _: () = assert!(WINDOW_BULK_BYTES >= 2 * ROW_WHOLE_BYTES);
const _: () = assert!(ROW_WHOLE_BYTES < ROW_HELD_BYTES && ROW_HELD_BYTES <= MESSAGE_WHOLE_BYTES);
const _: () = assert!(STREAM_BLOCK_BYTES + FINDING_SPAN_BYTES <= ROW_WHOLE_BYTES);
const _: () = assert!(FINDING_SPAN_BYTES < STREAM_BLOCK_BYTES);
const _: () = assert!(MESSAGE_WHOLE_BYTES <= SESSION_STATE_BYTES);
