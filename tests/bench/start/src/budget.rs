//! The performance budget: values that do not depend on how busy a machine is, measured and compared with
//! `tests/bench/budget.toml`.

mod file;
mod routes;

use std::{error::Error, path::Path};

use crate::{
    build::{Build, Program},
    calls::{Calls, Counts, Wire},
    figures,
    functions::{self, FUNCTIONS},
    lambda::{Invocation, RuntimeApi},
    partners::{Issuer, Mail},
    process::Machine,
    table::Table,
};

use self::{
    file::{Budget, Values},
    routes::{LIVES, QUOTES, ROUTES, Route, World},
};

/// One certificate, for reading all of a machine's is half of a start, and machines have different ones.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/root.pem");

/// Measures these functions, all if none is named, and compares them with the budget, or writes what was measured into it.
/// `Err` lists each difference.
pub(crate) async fn check(build: &Build, wanted: &[String], accept: bool) -> Result<String, Box<dyn Error>> {
    let wanted: Vec<_> =
        FUNCTIONS.into_iter().filter(|name| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name)).collect();
    if wanted.is_empty() {
        return Err(format!("no such function: there are {}", FUNCTIONS.join(", ")).into());
    }
    let mut budget = Budget::read()?;
    let measured = measure(build, &wanted).await?;
    if accept {
        budget.accept(build.profile(), &wanted, measured)?;
        return Ok("the measured values are the budget".to_owned());
    }
    budget.compare(build.profile(), &wanted, &measured).map_err(Into::into)
}

async fn measure(build: &Build, wanted: &[&str]) -> Result<Values, Box<dyn Error>> {
    let programs = build.binaries(&FUNCTIONS).await?;
    let program = |name: &str| programs.iter().find(|program| program.name == name).ok_or_else(|| format!("no function {name}"));
    let mut values = Values::default();
    for (function, zip) in wanted.iter().zip(build.zipped(wanted).await?) {
        values.set([function, "zip"], zip);
    }

    let folder = tempfile::tempdir()?;
    let (calls, table, issuer) = (Calls::default(), Table::serve().await?, Issuer::serve().await?);
    let (wire, mail) = (Wire::to(table.endpoint(), calls.clone()).await?, Mail::serve(calls.clone()).await?);
    let mut variables = functions::all_variables(wire.url(), &issuer, &mail, folder.path())?;
    variables.push(("SSL_CERT_FILE", ROOT.to_owned()));
    let mut scale = Scale { machine: Machine { api: RuntimeApi::serve().await?, variables }, calls, folder: folder.path() };
    let mut world = World::new(table, &issuer)?;
    for route in &ROUTES {
        if route.function == "quotes" && world.quotes.is_empty() {
            let create = vec![world.create()?; QUOTES];
            let (_, answers) = scale.machine.live(program("quotes")?, &create).await?;
            world.keep(answers)?;
        }
        let program = program(route.function)?;
        if wanted.contains(&route.function) {
            scale.weigh(program, route, &mut world).await?.put_into(route, &mut values);
        } else {
            // A quote that a later function is asked about goes through all functions before it.
            let requests = (0..route.requests()).map(|_| (route.request)(&mut world)).collect::<Result<Vec<_>, _>>()?;
            scale.machine.live(program, &requests).await?;
        }
    }
    Ok(values)
}

/// What measures one route after the other.
struct Scale<'f> {
    machine: Machine,
    calls: Calls,
    folder: &'f Path,
}

/// What was measured of a route.
struct Measured {
    /// The instructions from the start of the process to its first answer, and the mean from one answer to the next one.
    /// None where a page is typeset.
    instructions: Option<[u64; 2]>,
    /// The most memory that the process had resident, in KiB.
    memory: u64,
    /// What a warm request requests of AWS.
    calls: Counts,
}

impl Scale<'_> {
    async fn weigh(&mut self, program: &Program, route: &Route, world: &mut World) -> Result<Measured, Box<dyn Error>> {
        let mut requests = |count| (0..count).map(|_| (route.request)(world)).collect::<Result<Vec<Invocation>, _>>();
        let warm = u64::try_from(route.warm)?;
        let (one, all) = (1, 1 + route.warm);

        self.calls.take();
        self.machine.live(program, &requests(one)?).await?;
        let of_one = self.calls.take();
        let mut peaks = Vec::new();
        let mut calls = Counts::new();
        for _ in 0..LIVES {
            peaks.push(self.machine.live(program, &requests(all)?).await?.0.peak);
            calls = self.calls.take();
        }
        for (operation, count) in &mut calls {
            let more = count.saturating_sub(of_one.get(operation).copied().unwrap_or_default());
            if more % warm != 0 {
                return Err(format!("{}: {warm} requests make {more} × {operation}", route.name).into());
            }
            *count = more / warm;
        }
        calls.retain(|_, count| *count > 0);

        let mut instructions = None;
        if !route.typesets() {
            let start = self.machine.instructions(program, &requests(one)?, self.folder).await?;
            let more = self.machine.instructions(program, &requests(all)?, self.folder).await?;
            instructions = Some([start, more.saturating_sub(start) / warm]);
        }
        Ok(Measured { instructions, memory: figures::median(peaks), calls })
    }
}

impl Measured {
    fn put_into(self, route: &Route, values: &mut Values) {
        let Self { instructions, memory, calls } = self;
        let Route { function, name, .. } = route;
        if let Some([start, instructions]) = instructions {
            values.set_first([function, "start"], start);
            values.set([function, name, "instructions"], instructions);
        }
        values.set([function, name, "memory"], memory);
        for (operation, count) in calls {
            values.set([function, name, "calls", &operation], count);
        }
    }
}
