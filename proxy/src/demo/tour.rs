//! `velum demo`: the tour.
//!
//! ```text
//! cluster ─▶ clinic (ehr) ─▶ gateway (a child `velum serve`) ─▶ scenes, each direct and through
//!                                                                Velum ─▶ records ─▶ throughput
//! ```
//!
//! Whatever came through Velum, its log and its files are searched for what must not be there;
//! with `--once` that decides the exit status.

mod entries;
mod exports;
mod gateway;
mod leaks;
mod render;
mod scenes;
mod verdict;

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::cluster::{Cluster, ClusterError, ClusterOptions};
use super::ehr::{self, LoadOptions};
use super::raw::{Address, Login, Raw};
use entries::entries;
use gateway::Gateway;
use leaks::Leaks;
use render::Screen;
use scenes::{Identity, SCENES, Scene};
use verdict::Verdict;

/// Functions and the gateway's role. It owns nothing: what it may do is granted.
const ROLE: &str = "
    create role ehr_app login password '@password@';
    create function clinic.remind(patient int8) returns void language plpgsql as $$
    declare p record;
    begin
        select * into p from clinic.patients where id = patient;
        raise notice 'call % % at %, SSN %', p.first_name, p.last_name, p.phone, p.ssn;
    end $$;
    create function clinic.page(patient int8) returns void language sql as $$
        select pg_notify('reminders', 'call ' || phone || ' or write to ' || email
            || ' about SSN ' || ssn) from clinic.patients where id = patient $$;
    grant usage on schema clinic to ehr_app;
    grant select, insert on all tables in schema clinic to ehr_app;";

/// The statement of the throughput figure, by a policy that masks seven of its columns.
const BULK: &str = "select id, mrn, ssn, full_name, dob, phone, email, city, state, zip, balance, \
                    registered_at from clinic.patients";

/// What `velum demo` was asked for.
#[derive(Clone, Debug)]
pub struct TourOptions {
    /// Plays the tour, checks it, and ends; else it waits for Ctrl-C.
    pub once: bool,
    /// How many patients the clinic has.
    pub patients: u64,
    /// Never in colour.
    pub no_color: bool,
    /// The gateway's driver: `auto`, `io_uring` or `epoll`.
    pub driver: String,
}

/// Plays the tour. True if nothing leaked and what is clean came through as it is.
///
/// # Errors
/// No PostgreSQL, a gateway that does not start, or an interrupt before the end.
pub fn run(options: &TourOptions) -> Result<bool> {
    let interrupted = interruptible()?;
    let mut screen = Screen::new(options.no_color);
    screen.line("Velum: a gateway that masks PHI in database results, on a real PostgreSQL.\n")?;
    let stage = Stage::set(options, &interrupted, &mut screen)?;
    let mut verdict = Verdict::new(Leaks::new(ehr::SEED, options.patients)?);
    for (place, scene) in SCENES.iter().enumerate() {
        check(&interrupted)?;
        stage.play(place + 1, scene, &mut verdict, &mut screen)?;
    }
    stage.records(&mut verdict, &mut screen)?;
    check(&interrupted)?;
    exports::play(&stage.gateway, &interrupted, &mut verdict, &mut screen)?;
    check(&interrupted)?;
    stage.throughput(options, &mut verdict, &mut screen)?;
    for (path, bytes) in stage.gateway.files()? {
        verdict.search(&path.display().to_string(), &bytes);
    }
    let is_good = verdict.tell(&mut screen)?;
    if !options.once {
        stage.invite(&mut screen)?;
        while !interrupted.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(100));
        }
        screen.line("\nStopping the gateway and PostgreSQL, removing their folders.")?;
    }
    Ok(is_good)
}

/// The records of the first session with a statement, and of those in which something failed.
fn telling(lines: &[String]) -> Vec<&str> {
    let session = |line: &str| line.split_whitespace().nth(2).map(str::to_owned);
    let first = lines.iter().find(|line| line.contains(" #1 "));
    let failed = lines.iter().filter(|line| line.contains(" Failed "));
    let sessions: Vec<_> = first
        .into_iter()
        .chain(failed)
        .map(|line| session(line))
        .collect();
    let of_them = |line: &&String| sessions.contains(&session(line));
    lines
        .iter()
        .filter(of_them)
        .map(|line| line.trim_start())
        .collect()
}

/// Set by the first Ctrl-C; a second one ends the process at once, and the guards clean up.
fn interruptible() -> Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&flag))?;
        signal_hook::flag::register(signal, Arc::clone(&flag))?;
    }
    Ok(flag)
}

fn check(interrupted: &AtomicBool) -> Result<()> {
    if interrupted.load(Ordering::Relaxed) {
        bail!("interrupted; PostgreSQL and the gateway are stopped and removed");
    }
    Ok(())
}

/// 32 hexadecimal digits of randomness.
fn random_password() -> Result<String> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Everything that runs. The gateway goes before its database.
struct Stage {
    gateway: Gateway,
    cluster: Cluster,
    role_password: String,
}

impl Stage {
    fn set(
        options: &TourOptions,
        interrupted: &Arc<AtomicBool>,
        screen: &mut Screen,
    ) -> Result<Self> {
        let cluster = start_cluster()?;
        let ready_s = cluster.ready_in().as_secs_f32();
        let major = cluster.installation().major;
        let result = format!(
            "{major}, a private server on port {}, {ready_s:.1} s",
            cluster.port()
        );
        screen.step("PostgreSQL", &result)?;
        check(interrupted)?;

        let load = LoadOptions {
            patients: options.patients,
            progress: true,
            cancelled: Some(Arc::clone(interrupted)),
            ..LoadOptions::default()
        };
        let loaded = ehr::load(&cluster, &load);
        check(interrupted)?;
        let loaded = loaded?;
        let result = format!(
            "{} synthetic patients, {} rows, {} MB, {:.1} s",
            options.patients,
            loaded.rows,
            loaded.bytes / 1_000_000,
            loaded.elapsed.as_secs_f32()
        );
        screen.step("Clinic", &result)?;

        let role_password = random_password()?;
        cluster.psql_in("ehr", &ROLE.replace("@password@", &role_password))?;
        let gateway = Gateway::start(&cluster, &options.driver, &role_password)?;
        let ready_s = gateway.ready_in.as_secs_f32();
        screen.step(
            "Velum",
            &format!("on {}, {ready_s:.1} s", gateway.address()),
        )?;
        for line in gateway.log().lines() {
            screen.cut(&format!("{:13}{line}", ""))?;
        }
        Ok(Self {
            gateway,
            cluster,
            role_password,
        })
    }

    /// The gateway's own role, without the gateway.
    fn direct(&self) -> std::io::Result<Raw> {
        let login = Login {
            user: "ehr_app",
            password: &self.role_password,
            database: "ehr",
        };
        Raw::connect(
            &Address::Tcp(([127, 0, 0, 1], self.cluster.port()).into()),
            &login,
        )
    }

    /// Plays one scene twice, draws both answers and judges them.
    fn play(
        &self,
        number: usize,
        scene: &Scene,
        verdict: &mut Verdict,
        screen: &mut Screen,
    ) -> Result<()> {
        let title = format!("{number}. {}", scene.title);
        screen.heading(&title, scene.about)?;
        for sql in scene.play.statements() {
            screen.statement(scene.identity.name(), &sql)?;
        }
        let direct = scene
            .play
            .run(&mut self.direct()?)
            .context("direct to PostgreSQL")?;
        let mut client = self
            .gateway
            .connect(scene.identity)
            .context("connecting to Velum")?;
        let through = scene.play.run(&mut client);
        verdict.search(&title, client.received());
        if let Err(error) = &through {
            // Our own client's words: it never quotes what it received.
            verdict.expect(
                false,
                &format!("{title}: the connection through Velum: {error}"),
            );
        }
        let (direct, through) = (
            entries(&direct),
            match &through {
                Ok(frames) => entries(frames),
                Err(_) => Vec::new(),
            },
        );
        screen.compare(&direct, &through)?;
        verdict.judge(scene, &title, &direct, &through);
        Ok(())
    }

    /// The records that the scenes left.
    fn records(&self, verdict: &mut Verdict, screen: &mut Screen) -> Result<()> {
        screen.heading(
            "The records",
            "On disk before the first byte of a result left. Literals are replaced by keyed \
             tokens: equal values can be recognised, not read. `velum audit show` prints them.",
        )?;
        let lines = self.gateway.audit_lines()?;
        verdict.search(
            "the output of velum audit show",
            lines.join("\n").as_bytes(),
        );
        verdict.expect(!lines.is_empty(), "velum audit show prints no records");
        for line in telling(&lines) {
            screen.wrapped(line)?;
        }
        screen.line(&format!("… {} records in all", lines.len()))?;
        Ok(())
    }

    /// One bulk SELECT, direct and through Velum, the better of two runs each.
    fn throughput(
        &self,
        options: &TourOptions,
        verdict: &mut Verdict,
        screen: &mut Screen,
    ) -> Result<()> {
        let about = "Every patient, seven columns masked and the other five judged.";
        screen.heading("Throughput", about)?;
        screen.statement(Identity::EtlBot.name(), BULK)?;
        let mut best = [Duration::MAX; 2];
        let mut sizes = [0; 2];
        for _ in 0..2 {
            let through = self.gateway.connect(Identity::EtlBot)?;
            for (place, mut client) in [self.direct()?, through].into_iter().enumerate() {
                let before_bytes = client.received().len();
                let began = Instant::now();
                client.drain(BULK)?;
                best[place] = best[place].min(began.elapsed());
                sizes[place] = client.received().len() - before_bytes;
                if place == 1 {
                    verdict.search("the bulk SELECT", client.received());
                }
            }
        }
        for (name, best, bytes) in [
            ("direct", best[0], sizes[0]),
            ("through Velum", best[1], sizes[1]),
        ] {
            let (seconds, bytes) = (
                best.as_secs_f64(),
                u32::try_from(bytes).map_or(0.0, f64::from),
            );
            let rows = u32::try_from(options.patients).map_or(0.0, f64::from);
            screen.line(&format!(
                "{name:<14} {:7.1} MB in {seconds:6.3} s  {:8.1} MB/s  {:9.0} rows/s",
                bytes / 1e6,
                bytes / 1e6 / seconds,
                rows / seconds
            ))?;
        }
        Ok(())
    }

    /// How to try it by hand.
    fn invite(&self, screen: &mut Screen) -> Result<()> {
        screen.heading(
            "Your turn",
            "Both identities, then the database itself; Ctrl-C ends it.",
        )?;
        screen.note(
            "This version follows columns through names, views, joins, cursors and whole rows. \
             Values computed from them, such as upper(full_name), are judged by their content \
             alone, which knows numbers, addresses and labelled names, but no names in running \
             text.",
        )?;
        let port = self.gateway.address().port();
        for identity in [Identity::EtlBot, Identity::AnalystAgent] {
            screen.line(&format!(
                "psql 'postgresql://{}:{}@127.0.0.1:{port}/ehr?sslmode=verify-full&sslrootcert={}'",
                identity.name(),
                self.gateway.password(),
                self.gateway.authority_file().display()
            ))?;
        }
        screen.line(&format!(
            "psql '{}'",
            self.cluster.url("ehr_app", &self.role_password, "ehr")
        ))?;
        let audit = self.gateway.audit_directory();
        let velum = std::env::current_exe()?;
        screen.line(&format!(
            "{} audit tail {}",
            velum.display(),
            audit.display()
        ))?;
        Ok(())
    }
}

/// Finds or installs PostgreSQL and starts the cluster, with a spinner while that lasts.
fn start_cluster() -> Result<Cluster> {
    let spinner = ProgressBar::new_spinner();
    let style = ProgressStyle::with_template("{spinner:.cyan} {wide_msg}");
    spinner.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    spinner.set_message("Starting a private PostgreSQL");
    spinner.enable_steady_tick(Duration::from_millis(100));
    let started = match Cluster::start(cluster_options(true, &spinner)) {
        // A build from a package registry may come without OpenSSL.
        Err(ClusterError::Tool { output, .. }) if output.contains(NO_TLS) => {
            Cluster::start(cluster_options(false, &spinner))
        }
        other => other,
    };
    spinner.finish_and_clear();
    Ok(started?)
}

/// What a server without TLS says to `ssl = on`.
const NO_TLS: &str = "SSL is not supported by this build";

fn cluster_options(tls: bool, spinner: &ProgressBar) -> ClusterOptions {
    let settings = [
        // Lets COPY into new tables skip the write-ahead log.
        ("wal_level", "minimal"),
        ("max_wal_senders", "0"),
        ("maintenance_work_mem", "128MB"),
        ("jit", "off"),
    ];
    let told = spinner.clone();
    let tell = move |line: &str| {
        told.set_message(line.to_owned());
        if told.is_hidden() {
            // No terminal: the log of a build shows what happens.
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    };
    ClusterOptions {
        tls,
        settings: settings
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        install: Some(Box::new(tell)),
        ..ClusterOptions::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_records_shown_are_of_the_first_and_the_failed_statements() {
        let lines = [
            "1 t aaaa opened",
            "2 t aaaa closed",
            "3 t bbbb #1 select",
            "4 t cccc #1 select",
            "5 t bbbb #1 Completed",
            "6 t dddd #1 Failed 23505",
            "7 t dddd closed",
        ];
        let lines = lines.map(str::to_owned);
        let shown: Vec<char> = telling(&lines)
            .iter()
            .filter_map(|line| line.chars().next())
            .collect();
        assert_eq!(shown, ['3', '5', '6', '7']);
    }
}
