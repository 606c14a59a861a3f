//! FunctionCall: a function by its number, with arguments as they are.

use crate::audit::record::Channel;
use crate::bytes::{Reader, Window};
use crate::inspect::Inspect;
use crate::time::Timestamp;

use super::super::frame::Header;
use super::admission::Refused;
use super::client::violation;
use super::pipeline::{Awaited, FunctionResult};
use super::text::StatementText;
use super::{Halt, Session};

/// Functions of the large-object interface (`lo_*`, `loread`, `lowrite`), see
/// `src/include/catalog/pg_proc.dat`; libpq calls them by FunctionCall.
const LARGE_OBJECT_FUNCTIONS: [u32; 16] = [
    715, 764, 765, 767, 952, 953, 954, 955, 956, 957, 958, 964, 1004, 3170, 3171, 3172,
];

impl<I: Inspect> Session<I> {
    /// A FunctionCall: judged by its number alone.
    pub(super) fn function_call(
        &mut self,
        header: Header,
        body: &[u8],
        window: &mut Window,
        now: Timestamp,
    ) -> Result<(), Halt> {
        let malformed = |_| violation("malformed FunctionCall");
        let mut reader = Reader::new(body);
        let oid = reader.u32().map_err(malformed)?;
        let formats = usize::from(reader.u16().map_err(malformed)?);
        reader.take(formats * 2).map_err(malformed)?;
        let mut binds = Vec::new();
        for _ in 0..reader.u16().map_err(malformed)? {
            let length = reader.i32().map_err(malformed)?;
            binds.push(match usize::try_from(length) {
                Ok(length) => Some(self.tokens.token(reader.take(length).map_err(malformed)?)),
                Err(_) if length == -1 => None,
                Err(_) => return Err(violation("malformed FunctionCall").into()),
            });
        }
        reader.u16().map_err(malformed)?;
        if !reader.is_empty() {
            return Err(violation("malformed FunctionCall").into());
        }
        if self.pipeline.is_skipping() {
            window.pass(header.frame_bytes);
            return Ok(());
        }
        let text = StatementText::function_call(oid);
        let is_large_object = LARGE_OBJECT_FUNCTIONS.contains(&oid);
        if let Some(denial) = self.rules.policy().deny_call(is_large_object) {
            let refused = Refused {
                header,
                text: &text,
                channel: Channel::FunctionCall,
                binds: &binds,
                refusal: denial.to_refusal(),
                drops_unnamed: false,
            };
            self.refuse_message(refused, window, now);
            return Ok(());
        }
        let ordinal = self.intend(&text, Channel::FunctionCall, &binds, now)?;
        self.epoch += 1;
        self.lose_path();
        let result = if is_large_object {
            FunctionResult::LargeObject
        } else {
            FunctionResult::Any
        };
        self.pipeline
            .push(Awaited::FunctionCall { result, ordinal });
        window.pass(header.frame_bytes);
        Ok(())
    }
}
