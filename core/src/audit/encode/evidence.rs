//! Records of evidence that is kept beside the log.

use super::{DecodeError, Decoder, Encoder};
use crate::audit::record::{Body, RecordingEnd};

impl Encoder<'_> {
    pub(super) fn recording(&mut self, body: &Body) {
        let Body::Recording {
            file,
            bytes,
            chunks,
            root,
            end,
            dropped_bytes,
        } = body
        else {
            return;
        };
        self.str(file);
        self.u64(*bytes);
        self.u64(*chunks);
        self.out.extend_from_slice(root);
        let code = RecordingEnd::ALL.iter().position(|known| known == end);
        self.u8(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(0));
        self.u64(*dropped_bytes);
    }
}

impl Decoder<'_> {
    pub(super) fn recording(&mut self) -> Result<Body, DecodeError> {
        Ok(Body::Recording {
            file: self.string()?,
            bytes: self.u64()?,
            chunks: self.u64()?,
            root: self.array()?,
            end: {
                let code = usize::from(self.u8()?);
                let end = RecordingEnd::ALL.get(code).copied();
                end.ok_or(DecodeError::Invalid("end"))?
            },
            dropped_bytes: self.u64()?,
        })
    }
}
