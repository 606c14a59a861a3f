//! `velum login`, `velum logout` and `velum whoami`

use std::path::PathBuf;

use clap::Args;

use super::client::{Client, Failed, Token, issuer_tls, unusable};
use super::device::{self, There};
use super::stored::{Locked, Stored, folder};
use super::{Connection, output};
use crate::api::views::{All, MeView, Way, WayView};
use crate::cli::complain;
use crate::identity::endpoints::Endpoints;

/// Log in at an issuer by a browser, here or on another machine. Other commands show the token that
/// it gives where they have no key.
#[derive(Args)]
pub(in crate::cli) struct Login {
    #[command(flatten)]
    connection: Connection,
    /// At which issuer, by its name in the gateway's configuration [default: the only one].
    #[arg(long)]
    issuer: Option<String>,
    /// Authorities that the issuer's certificate may come from [default: as for the API].
    #[arg(long, value_name = "FILE")]
    issuer_ca: Option<PathBuf>,
}

/// Forget the token of `velum login`, and give it back to its issuer.
#[derive(Args)]
pub(in crate::cli) struct Logout {}

/// Tell who you are to the gateway, and what you may do.
#[derive(Args)]
pub(in crate::cli) struct Whoami {
    #[command(flatten)]
    connection: Connection,
}

/// Logs in.
pub(in crate::cli) fn log_in(login: &Login) -> u8 {
    super::run_anonymous(&login.connection, |client| {
        let all: All<WayView> = client.get("/api/v1/login")?;
        let way = choose(all.items, login.issuer.as_deref())?;
        let client_id = way.device_client_id.clone().unwrap_or_default();
        let issuer_ca = login.issuer_ca.as_deref().or(client.authorities());
        let issuer_ca = issuer_ca.map(std::path::absolute).transpose();
        let issuer_ca = issuer_ca.map_err(|error| Failed::Unusable(error.to_string()))?;
        let tls = issuer_tls(issuer_ca.as_deref())?;
        let logged_in = async {
            let endpoints = Endpoints::fetch(&way.issuer, &tls).await;
            let endpoints = endpoints.map_err(|error| Failed::Unusable(error.to_string()))?;
            let there = There {
                endpoints: &endpoints,
                issuer: &way.issuer,
                client_id: &client_id,
                scope: way.scope.as_deref().unwrap_or("openid"),
                tls: &tls,
            };
            device::log_in(&there).await
        };
        let tokens = client.wait(logged_in)?;
        let stored = Stored {
            api: client.address(),
            issuer: way.issuer.clone(),
            client_id,
            issuer_ca,
            token: tokens.id_token.to_string(),
            expires_s: tokens.expires_s,
            refresh_token: tokens.refresh_token.map(|it| it.to_string()),
        };
        let locked = locked()?;
        let written = locked.write(&stored);
        written.map_err(|error| Failed::Unusable(format!("cannot keep the token: {error}")))?;
        drop(locked);
        who(&client.with(Token::of(&stored)))
    })
}

/// The issuer to log in at.
fn choose(ways: Vec<WayView>, name: Option<&str>) -> Result<WayView, Failed> {
    let names = |ways: &[WayView]| {
        let names: Vec<_> = ways.iter().map(|way| output::plain(&way.name)).collect();
        names.join(", ")
    };
    if let Some(name) = name {
        let known = names(&ways);
        let Some(way) = ways.into_iter().find(|way| way.name == name) else {
            return unusable(format!("nobody logs in at `{name}`; known: {known}"));
        };
        return match way.way == Way::Oidc && way.device_client_id.is_some() {
            true => Ok(way),
            false => unusable(format!(
                "`{name}` lets in by a browser only: {}\n  = `device_client_id` in its `login` \
                 would let velum login in",
                output::plain(&way.login)
            )),
        };
    }
    let mut able: Vec<WayView> = ways
        .into_iter()
        .filter(|way| way.device_client_id.is_some())
        .collect();
    match (able.pop(), able.len()) {
        (Some(way), 0) => Ok(way),
        (None, _) => unusable(
            "the gateway has no issuer with `device_client_id`; use a key: velum keys create",
        ),
        (Some(last), _) => {
            able.push(last);
            unusable(format!("say where: --issuer, one of {}", names(&able)))
        }
    }
}

fn locked() -> Result<Locked, Failed> {
    let Some(folder) = folder() else {
        return unusable("there is no place for the token: set HOME or XDG_CONFIG_HOME");
    };
    let locked = Locked::new(&folder);
    locked.map_err(|error| Failed::Unusable(format!("{}: {error}", folder.display())))
}

/// Logs out.
pub(in crate::cli) fn log_out(_: &Logout) -> u8 {
    super::done(forget())
}

fn forget() -> Result<(), Failed> {
    let locked = locked()?;
    // A damaged file is taken away as well.
    let stored = locked.read().ok().flatten();
    let removed = locked.remove();
    if !removed.map_err(|error| Failed::Unusable(error.to_string()))? {
        complain("nobody is logged in\n");
        return Ok(());
    }
    if let Some(stored) = stored
        && let Some(refresh_token) = &stored.refresh_token
    {
        let runtime = super::client::runtime()?;
        let tls = issuer_tls(stored.issuer_ca.as_deref())?;
        let given_back = runtime.block_on(async {
            let endpoints = Endpoints::fetch(&stored.issuer, &tls).await.ok()?;
            let there = There {
                endpoints: &endpoints,
                issuer: &stored.issuer,
                client_id: &stored.client_id,
                scope: "",
                tls: &tls,
            };
            device::revoke(&there, refresh_token).await.then_some(())
        });
        if given_back.is_none() {
            complain("the issuer was not told: what it gave is good until it expires there\n");
        }
    }
    complain("logged out\n");
    Ok(())
}

/// Asks the API.
pub(in crate::cli) fn whoami(whoami: &Whoami) -> u8 {
    super::run(&whoami.connection, who)
}

fn who(client: &Client) -> Result<(), Failed> {
    let me: MeView = client.get("/api/v1/me")?;
    output::show(client, &me, || {
        let roles: Vec<&str> = me.roles.iter().map(|role| role.as_str()).collect();
        let groups: Vec<_> = me.groups.iter().map(|it| output::plain(it)).collect();
        let decides = match me.is_fresh {
            true => "",
            false => "\nto decide, log in again: velum login",
        };
        format!(
            "{} ({}), in the groups: {}\nby {}, until {}{decides}\n",
            output::plain(&me.id),
            roles.join(", "),
            groups.join(", "),
            output::plain(&me.caller),
            me.until
        )
    })
}
