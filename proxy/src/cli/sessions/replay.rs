//! `velum sessions replay`

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use clap::Args;
use velum_core::audit::record::{Body, Record};
use velum_core::recording::Event;

use super::keyboard::{Key, Keyboard};
use super::{Which, read_to};
use crate::cli::{DONE, print};
use crate::observe::rfc3339;
use crate::recording::frames::Frame;
use crate::recording::script::{Heard, Outcomes, Script, Statement, read_columns};
use crate::recording::source::Source;
use crate::recording::table::{Table, clean};

#[derive(Args)]
pub(super) struct Replay {
    #[command(flatten)]
    which: Which,
    /// So many times as fast as it was; 0 is at once. On a terminal: space pauses, `n` goes on to
    /// the next statement, `+` and `-` change the speed, `/` searches, `q` quits.
    #[arg(long, value_name = "TIMES")]
    speed: Option<f64>,
    /// Text alone: no keys are read.
    #[arg(long)]
    plain: bool,
}

/// Shows a recording.
pub(super) fn run(arguments: &Replay) -> u8 {
    let source = match arguments.which.read_by("sessions replay") {
        Ok(source) => source,
        Err(status) => return status,
    };
    let is_terminal = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
    let keyboard = match is_terminal && !arguments.plain {
        true => Keyboard::open(),
        false => None,
    };
    let default = if keyboard.is_some() { 1.0 } else { 0.0 };
    let mut player = Player {
        speed: arguments.speed.unwrap_or(default).max(0.0),
        keyboard,
        began: Instant::now(),
        at: Duration::ZERO,
        is_paused: false,
        sought: None,
        table: None,
        out: String::new(),
        goes_on: true,
    };
    match play(&source, &mut player) {
        Ok(()) if !player.goes_on => DONE,
        end => read_to(end),
    }
}

fn play(source: &Source, player: &mut Player) -> Result<(), crate::recording::read::ReadError> {
    let mut outcomes = Outcomes::default();
    let first = source.reader()?.events(|event| {
        outcomes.note(event);
        true
    });
    if let Err(error) = first
        && !matches!(error, crate::recording::read::ReadError::Cut)
    {
        return Err(error);
    }
    let mut script = Script::new(outcomes);
    let mut last = 0;
    let end = source.reader()?.events(|event: &Event<'_>| {
        last = event.micros;
        player.wait_until(event.micros);
        script.take(event, |heard| player.hear(&heard));
        player.show();
        player.goes_on
    });
    player.show();
    end
}

/// How a recording is shown.
struct Player {
    speed: f64,
    keyboard: Option<Keyboard>,
    /// When the clock was set, and to what of the recording's.
    began: Instant,
    at: Duration,
    is_paused: bool,
    /// Nothing is shown before a statement with this text.
    sought: Option<String>,
    table: Option<Table>,
    out: String,
    goes_on: bool,
}

impl Player {
    fn hear(&mut self, heard: &Heard<'_>) {
        match heard {
            Heard::Record(record) => self.record(record),
            Heard::Result(statement, frame) => self.message(statement, frame),
            Heard::Ended(_) => self.end_table(),
            Heard::Aside(frame) => match frame.tag {
                b'E' | b'N' => self.words(frame),
                _ => {}
            },
            Heard::Gap(bytes) => {
                let what = format!("-- {bytes} bytes of events were dropped here\n");
                self.out.push_str(&what);
            }
        }
    }

    fn record(&mut self, record: &Record) {
        let time = rfc3339(record.time);
        let line = match &record.body {
            Body::SessionOpened {
                role,
                database,
                client_address,
                ..
            } => {
                let (who, what) = (clean(&record.identity), clean(&record.resource));
                let (role, database) = (clean(role), clean(database));
                format!("-- {time} {who} at {what} from {client_address} as {role} in {database}\n")
            }
            Body::SessionClosed { reason, .. } => {
                self.end_table();
                format!("-- {time} closed: {}\n", clean(reason))
            }
            Body::Intent {
                statement, text, ..
            } => {
                self.meet(text);
                format!("\n-- {time} #{statement}\n{}\n", clean(text))
            }
            _ => return,
        };
        self.out.push_str(&line);
    }

    fn message(&mut self, statement: &Statement, frame: &Frame<'_>) {
        match frame.tag {
            b'T' => {
                self.end_table();
                self.table = Some(Table::new(read_columns(frame.body)));
            }
            b'D' => {
                let columns = || read_columns(statement.description.as_deref().unwrap_or(&[0, 0]));
                let table = self.table.get_or_insert_with(|| Table::new(columns()));
                table.row(frame.body, &mut self.out);
                if frame.cut_bytes > 0 {
                    let what = format!("-- {} bytes more in this row\n", frame.cut_bytes);
                    self.out.push_str(&what);
                }
            }
            b'd' => {
                self.out
                    .push_str(&clean(String::from_utf8_lossy(frame.body).trim_end()));
                self.out.push('\n');
            }
            b'C' => {
                self.end_table();
                let tag = frame
                    .body
                    .split(|byte| *byte == 0)
                    .next()
                    .unwrap_or_default();
                self.out.push_str(&clean(&String::from_utf8_lossy(tag)));
                self.out.push('\n');
            }
            b'E' | b'N' => self.words(frame),
            b's' => self.out.push_str("-- suspended\n"),
            _ => {}
        }
    }

    fn words(&mut self, frame: &Frame<'_>) {
        self.end_table();
        let fields = frame.body.split(|byte| *byte == 0);
        let mut shown = String::new();
        for field in fields {
            let Some((tag, text)) = field.split_first() else {
                continue;
            };
            let text = clean(&String::from_utf8_lossy(text));
            match tag {
                b'S' => shown = text,
                b'C' => shown.push_str(&format!(" {text}")),
                b'M' => shown.push_str(&format!(": {text}")),
                b'D' | b'H' => shown.push_str(&format!("\n  {text}")),
                _ => {}
            }
        }
        self.out.push_str(&shown);
        self.out.push('\n');
    }

    fn end_table(&mut self) {
        if let Some(mut table) = self.table.take() {
            table.end(&mut self.out);
        }
    }

    /// Has the statement come that is looked for?
    fn meet(&mut self, text: &str) {
        if let Some(sought) = &self.sought
            && text.to_lowercase().contains(&sought.to_lowercase())
        {
            self.sought = None;
            self.out.clear();
            self.is_paused = true;
        }
    }

    fn show(&mut self) {
        if self.sought.is_none() && !self.out.is_empty() {
            self.goes_on &= print(&self.out);
        }
        self.out.clear();
    }

    /// Waits until it is time for what happened then, and obeys keys meanwhile.
    fn wait_until(&mut self, micros: u64) {
        let then = Duration::from_micros(micros);
        while self.goes_on && self.sought.is_none() {
            let left = match self.speed > 0.0 {
                true => then
                    .saturating_sub(self.at)
                    .div_f64(self.speed)
                    .saturating_sub(self.began.elapsed()),
                false => Duration::ZERO,
            };
            if left.is_zero() && !self.is_paused {
                break;
            }
            let left = if self.is_paused {
                Duration::from_secs(3_600)
            } else {
                left
            };
            match self.keyboard.as_mut().map(|keyboard| keyboard.wait(left)) {
                None => std::thread::sleep(left),
                Some(None) => {}
                Some(Some(key)) => {
                    self.obey(key);
                    if matches!(key, Key::Next) {
                        break;
                    }
                }
            }
        }
        self.at = then;
        self.began = Instant::now();
    }

    fn obey(&mut self, key: Key) {
        match key {
            Key::Pause => self.is_paused = !self.is_paused,
            Key::Next => {}
            Key::Faster => self.speed = (self.speed.max(0.25) * 2.0).min(1_024.0),
            Key::Slower => self.speed = (self.speed / 2.0).max(0.25),
            Key::Search => {
                self.sought = self.keyboard.as_mut().and_then(Keyboard::line);
                self.is_paused = false;
            }
            Key::Quit => self.goes_on = false,
        }
    }
}
