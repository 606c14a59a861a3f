//! Is io_uring usable here, and if not, why not?

use std::fmt;
use std::io;

use io_uring::{IoUring, Probe, opcode};

use super::buffers::Buffers;
use crate::relay::pool::Pool;

/// Why io_uring cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    cause: String,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cause)
    }
}

impl std::error::Error for Unusable {}

/// The operations that the driver uses.
const NEEDED: [(u8, &str); 7] = [
    (opcode::AcceptMulti::CODE, "ACCEPT"),
    (opcode::Connect::CODE, "CONNECT"),
    (opcode::Recv::CODE, "RECV"),
    (opcode::Send::CODE, "SEND"),
    (opcode::SendMsg::CODE, "SENDMSG"),
    (opcode::Timeout::CODE, "TIMEOUT"),
    (opcode::AsyncCancel2::CODE, "ASYNC_CANCEL"),
];

/// Sets a ring up as the driver does, asks for every operation, and registers a buffer ring.
///
/// # Errors
/// The cause, in words for an operator.
pub fn probe() -> Result<(), Unusable> {
    let ring = super::engine::set_up(8).map_err(|error| because("set up", &error))?;
    if !ring.params().is_feature_nodrop() || !ring.params().is_feature_ext_arg() {
        return Err(Unusable {
            cause: "the kernel is too old (5.11 features missing)".into(),
        });
    }
    supports(&ring)?;
    let mut pool = Pool::default();
    // SAFETY: the ring outlives the registration: `unregister` is called before both are dropped.
    let buffers = unsafe { Buffers::register(&ring, 8, &mut pool) };
    let buffers = buffers.map_err(|error| because("register buffers", &error))?;
    buffers.unregister(&ring);
    Ok(())
}

fn supports(ring: &IoUring) -> Result<(), Unusable> {
    let mut known = Probe::new();
    ring.submitter()
        .register_probe(&mut known)
        .map_err(|error| because("probe", &error))?;
    let missing: Vec<&str> = NEEDED
        .iter()
        .filter(|(code, _)| !known.is_supported(*code))
        .map(|(_, name)| *name)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Unusable {
        cause: format!("the kernel lacks {}", missing.join(", ")),
    })
}

fn because(step: &str, error: &io::Error) -> Unusable {
    let sysctl = std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled");
    let disabled = sysctl
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0u8);
    let cause = match error.raw_os_error() {
        Some(libc::EPERM) if disabled > 0 => {
            format!("sysctl kernel.io_uring_disabled is {disabled}")
        }
        Some(libc::EPERM | libc::EACCES) => {
            "denied, as by the seccomp profile of a container (EPERM)".to_owned()
        }
        Some(libc::ENOSYS) => {
            "the kernel or a seccomp profile does not know it (ENOSYS)".to_owned()
        }
        Some(libc::EINVAL) => format!("the kernel is too old, 6.1 or later is needed ({step})"),
        Some(libc::ENOMEM) => "not enough locked memory, see RLIMIT_MEMLOCK (ENOMEM)".to_owned(),
        Some(libc::EMFILE | libc::ENFILE) => "no file descriptor left".to_owned(),
        _ => format!("cannot {step}: {error}"),
    };
    Unusable { cause }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_apart() {
        let cause = |errno| because("set up", &io::Error::from_raw_os_error(errno)).to_string();
        assert!(cause(libc::ENOSYS).contains("ENOSYS"));
        assert!(cause(libc::ENOMEM).contains("RLIMIT_MEMLOCK"));
        assert!(cause(libc::EINVAL).contains("6.1"));
        assert!(cause(libc::EPERM).contains("denied") || cause(libc::EPERM).contains("sysctl"));
    }
}
