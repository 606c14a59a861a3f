//! Records of evidence that is kept beside the log.

use super::{DecodeError, Decoder, Encoder};
use crate::audit::record::{Body, RecordingEnd};

impl Encoder<'_> {
    pub(super) fn recording(&mut self, body: &Body) {
        if let Body::Originals {
            file,
            sha256,
            auditors,
        } = body
        {
            self.str(file);
            self.out.extend_from_slice(sha256);
            self.length(auditors.len());
            auditors.iter().for_each(|auditor| self.str(auditor));
        }
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
    pub(super) fn originals(&mut self) -> Result<Body, DecodeError> {
        Ok(Body::Originals {
            file: self.string()?,
            sha256: self.array()?,
            auditors: self.list(Self::string)?,
        })
    }

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
