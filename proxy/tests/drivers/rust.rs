//! The drivers of this language: tokio-postgres and sqlx.

use std::fmt::{Debug, Write as _};
use std::fs;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use sqlx::Connection as _;
use sqlx::Row as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use tokio_postgres::{Client, NoTls, Row, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::Target;
use super::support::clinic;

const QUESTION: &str = "SELECT id, city, amount::text AS amount, score, active, tags, small, ssn, \
    ssn AS hidden, ssn_number, nick, note, photo FROM clinic.patients WHERE id >= $1 ORDER BY id";

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(future)
}

fn line(out: &mut String, case: &str, row: usize, column: &str, value: impl Debug) {
    let _ = writeln!(out, "{case}\t{row}\t{column}\t{value:?}");
}

/// Prepared and binary, repeated, portals, simple text, COPY both ways, an error.
pub fn tokio_postgres(target: &Target) -> String {
    block_on(async {
        let mut client = connect(target).await;
        let mut out = String::new();
        let statement = client.prepare(QUESTION).await.expect("prepared");
        for turn in 0..3 {
            let rows = client.query(&statement, &[&turn]).await.expect("rows");
            show(&mut out, &format!("prepared_{turn}"), &rows);
        }
        let transaction = client.transaction().await.expect("a transaction");
        let portal = transaction.bind(&statement, &[&1]).await.expect("a portal");
        for part in 0..3 {
            let rows = transaction.query_portal(&portal, 2).await.expect("rows");
            show(&mut out, &format!("portal_{part}"), &rows);
        }
        transaction.commit().await.expect("committed");
        let question = "SELECT id, city, ssn FROM clinic.patients ORDER BY id";
        let messages = client.simple_query(question).await.expect("rows");
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        for (number, row) in rows.enumerate() {
            for (at, name) in ["id", "city", "ssn"].iter().enumerate() {
                line(&mut out, "simple", number, name, row.get(at));
            }
        }
        let error = client
            .query("SELECT 1 / (id - 1) FROM clinic.patients", &[])
            .await;
        let code = error
            .expect_err("a division by zero")
            .code()
            .map(|code| code.code().to_owned());
        line(&mut out, "error", 0, "id", code);
        let both = tokio::join!(
            client.query(&statement, &[&4]),
            client.query("SELECT id, ssn FROM clinic.patients ORDER BY id", &[]),
        );
        line(&mut out, "pipelined", 0, "id", both.0.expect("rows").len());
        line(&mut out, "pipelined", 1, "id", both.1.expect("rows").len());
        out
    })
}

async fn connect(target: &Target) -> Client {
    let mut config = tokio_postgres::Config::new();
    config
        .host("localhost")
        .hostaddr([127, 0, 0, 1].into())
        .port(target.port);
    config
        .user(target.user)
        .password(target.password)
        .dbname(clinic::DATABASE);
    match &target.authority {
        None => {
            config.ssl_mode(tokio_postgres::config::SslMode::Disable);
            let (client, connection) = config.connect(NoTls).await.expect("connected");
            tokio::spawn(connection);
            client
        }
        Some(file) => {
            config.ssl_mode(tokio_postgres::config::SslMode::Require);
            let mut roots = RootCertStore::empty();
            let pem = fs::read(file).expect("the authority");
            roots
                .add(CertificateDer::from_pem_slice(&pem).expect("PEM"))
                .expect("an authority");
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let tls = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .expect("versions")
                .with_root_certificates(roots)
                .with_no_client_auth();
            let tls = MakeRustlsConnect::new(tls);
            let (client, connection) = config.connect(tls).await.expect("connected");
            tokio::spawn(connection);
            client
        }
    }
}

/// Prints columns of a row, each as its type; for both drivers' rows.
macro_rules! columns {
    ($out:expr, $case:expr, $number:expr, $row:expr, $($name:literal: $type:ty,)*) => {$(
        let value: $type = $row.get($name);
        line($out, $case, $number, $name, value);
    )*};
}

fn show(out: &mut String, case: &str, rows: &[Row]) {
    for (number, row) in rows.iter().enumerate() {
        columns!(out, case, number, row,
            "id": i32,
            "city": Option<String>,
            "amount": Option<String>,
            "score": Option<f64>,
            "active": Option<bool>,
            "tags": Option<Vec<String>>,
            "small": Option<i16>,
            "ssn": Option<String>,
            "hidden": Option<String>,
            "ssn_number": Option<i64>,
            "nick": Option<String>,
            "note": Option<String>,
            "photo": Option<Vec<u8>>,
        );
    }
}

/// sqlx caches its statements, and asks for binary.
pub fn sqlx(target: &Target) -> String {
    block_on(async {
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(target.port)
            .username(target.user)
            .password(target.password)
            .database(clinic::DATABASE);
        let options = match &target.authority {
            None => options.ssl_mode(PgSslMode::Disable),
            Some(file) => options.ssl_mode(PgSslMode::VerifyFull).ssl_root_cert(file),
        };
        let mut connection = PgConnection::connect_with(&options)
            .await
            .expect("connected");
        let mut out = String::new();
        for turn in 0..3 {
            let query = sqlx::query(QUESTION).bind(turn);
            let rows = query.fetch_all(&mut connection).await.expect("rows");
            for (number, row) in rows.iter().enumerate() {
                let case = &format!("cached_{turn}");
                columns!(&mut out, case, number, row,
                    "id": i32,
                    "city": Option<String>,
                    "score": Option<f64>,
                    "tags": Option<Vec<String>>,
                    "ssn": Option<String>,
                    "hidden": Option<String>,
                    "ssn_number": Option<i64>,
                    "nick": Option<String>,
                    "note": Option<String>,
                    "photo": Option<Vec<u8>>,
                );
            }
        }
        let simple =
            sqlx::raw_sql("SELECT id, ssn FROM clinic.patients ORDER BY id; SELECT 1 AS id");
        let rows = simple.fetch_all(&mut connection).await.expect("rows");
        line(&mut out, "simple", 0, "id", rows.len());
        connection.close().await.expect("closed");
        out
    })
}
