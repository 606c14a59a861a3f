//! What others put in front of a database that does not look at it: HAProxy, with the kernel's
//! splice and without, and nginx. A peer that is not installed has no row.

use std::fs;
use std::path::Path as File;
use std::process::Command;

use velum_benches::process::{Running, free_port, start};

const HAPROXY: &str = "/usr/sbin/haproxy";
const NGINX: &str = "/usr/sbin/nginx";
const NGINX_STREAM: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

/// A balancer that runs.
pub struct Balancer {
    /// For the report.
    pub name: &'static str,
    /// Its one process.
    pub running: Running,
    /// On 127.0.0.1.
    pub port: u16,
}

/// Starts those that are installed.
pub fn start_all(folder: &File, upstream: u16) -> Result<Vec<Balancer>, String> {
    let mut all = Vec::new();
    if File::new(HAPROXY).exists() {
        for (name, splices) in [("HAProxy", false), ("HAProxy, splice", true)] {
            let (running, port) = haproxy(folder, upstream, splices)?;
            all.push(Balancer {
                name,
                running,
                port,
            });
        }
    }
    if File::new(NGINX).exists() && File::new(NGINX_STREAM).exists() {
        let (running, port) = nginx(folder, upstream)?;
        all.push(Balancer {
            name: "nginx stream",
            running,
            port,
        });
    }
    Ok(all)
}

fn haproxy(folder: &File, upstream: u16, splices: bool) -> Result<(Running, u16), String> {
    let port = free_port();
    let option = if splices { "option splice-auto" } else { "" };
    let text = format!(
        "global\n maxconn 200\n nbthread 1\n\
         defaults\n mode tcp\n {option}\n timeout connect 5s\n timeout client 1h\n\
         timeout server 1h\n\
         listen postgres\n bind 127.0.0.1:{port}\n server upstream 127.0.0.1:{upstream}\n"
    );
    let file = folder.join(format!("haproxy-{splices}.cfg"));
    fs::write(&file, text).map_err(|error| error.to_string())?;
    // In the foreground and without a master, so that its CPU time is that of one process.
    start(Command::new(HAPROXY).arg("-db").arg("-f").arg(&file), port)
}

fn nginx(folder: &File, upstream: u16) -> Result<(Running, u16), String> {
    let port = free_port();
    let folder_text = folder.display();
    let text = format!(
        "load_module {NGINX_STREAM};\ndaemon off;\nmaster_process off;\n\
         pid {folder_text}/nginx.pid;\nerror_log {folder_text}/nginx.log;\n\
         events {{ worker_connections 512; }}\n\
         stream {{ server {{ listen 127.0.0.1:{port}; proxy_pass 127.0.0.1:{upstream}; }} }}\n"
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, text).map_err(|error| error.to_string())?;
    start(Command::new(NGINX).arg("-c").arg(&file), port)
}
