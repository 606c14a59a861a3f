//! The operating-system account that PostgreSQL runs as.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::error::{ClusterError, Doing};

/// PostgreSQL refuses to run as root: then `postgres` or `nobody` takes its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// User and group to switch to; `None` runs as the caller.
    switch_to: Option<(u32, u32)>,
}

impl Account {
    /// The account to use for the calling process.
    pub fn current() -> Self {
        if !rustix::process::geteuid().is_root() {
            return Self { switch_to: None };
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let switch_to = ["postgres", "nobody"]
            .iter()
            .find_map(|name| user_ids(&passwd, name));
        // 65534 is `nobody` wherever there is no such line.
        Self {
            switch_to: Some(switch_to.unwrap_or((65_534, 65_534))),
        }
    }

    /// The user id that owns the cluster's files.
    pub fn uid(&self) -> u32 {
        match self.switch_to {
            Some((uid, _)) => uid,
            None => rustix::process::geteuid().as_raw(),
        }
    }

    /// A command that runs as this account, in `directory`, in its own process group (a Ctrl-C
    /// in the terminal must not reach PostgreSQL before the gateway is down), in the C locale
    /// and free of the caller's `PG…` variables.
    pub fn command(&self, program: &Path, directory: &Path) -> Command {
        let mut command = Command::new(program);
        if let Some((uid, gid)) = self.switch_to {
            command.uid(uid).gid(gid);
        }
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"PG") {
                command.env_remove(name);
            }
        }
        command.current_dir(directory).process_group(0);
        command
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .env("HOME", directory);
        command
    }

    /// Hands `path` over to this account.
    pub fn own(&self, path: &Path) -> Result<(), ClusterError> {
        match self.switch_to {
            Some((uid, gid)) => chown(path, Some(uid), Some(gid)).doing_to("chown", path),
            None => Ok(()),
        }
    }
}

/// User and group id of `name` in the text of a passwd file.
fn user_ids(passwd: &str, name: &str) -> Option<(u32, u32)> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (found, _password, uid, gid) = (
            fields.next()?,
            fields.next()?,
            fields.next()?,
            fields.next()?,
        );
        (found == name).then_some((uid.parse().ok()?, gid.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_user_by_its_whole_name() {
        let passwd =
            "root:x:0:0:root:/root:/bin/sh\nnobodyelse:x:7:8::/:\nnobody:x:65534:65533::/:";
        assert_eq!(user_ids(passwd, "nobody"), Some((65_534, 65_533)));
        assert_eq!(user_ids(passwd, "postgres"), None);
        assert_eq!(user_ids("nobody:x:banana:1::/:", "nobody"), None);
    }
}
