//! Makes what is measured: our binaries, and the yardsticks in other languages with their pinned libraries. All of it is
//! below the target directory.

use std::{
    error::Error,
    ffi::OsString,
    fmt, fs,
    path::{Path, PathBuf},
};

use tokio::process::Command;

use crate::vendor::VENDOR;

const BENCH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// What is started and measured.
pub(crate) struct Program {
    /// What the tables call it.
    pub(crate) name: String,
    /// The executable file.
    pub(crate) executable: PathBuf,
    /// What follows it on its command line.
    pub(crate) arguments: Vec<OsString>,
    /// The folder that it is started in.
    pub(crate) folder: PathBuf,
}

/// Where things are made, and how: all programs of a run in the same way, or their figures could not be compared.
pub(crate) struct Build {
    target: PathBuf,
    profile: String,
    built: Option<PathBuf>,
}

/// How the programs of a run were built, in a line.
impl fmt::Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.built {
            None => write!(f, "built by `cargo build --profile {}`", self.profile),
            Some(folder) => write!(f, "built before, in {}", folder.display()),
        }
    }
}

impl Build {
    /// Into the target directory that this program came from, with this cargo profile; or nothing is built, and all
    /// binaries are in the folder `built`.
    pub(crate) fn new(profile: String, built: Option<PathBuf>) -> Result<Self, Box<dyn Error>> {
        let here = std::env::current_exe()?;
        let target = here.ancestors().nth(2).ok_or("this program is not in a target directory")?.to_owned();
        Ok(Self { target, profile, built: built.map(std::path::absolute).transpose()? })
    }

    /// The cargo profile.
    pub(crate) fn profile(&self) -> &str {
        &self.profile
    }

    /// The binaries of these packages, without the features that this program asks of their dependencies.
    pub(crate) async fn binaries(&self, packages: &[&str]) -> Result<Vec<Program>, Box<dyn Error>> {
        if self.built.is_none() {
            let mut cargo = Command::new(env!("CARGO"));
            cargo.args(["build", "--locked", "--bins", "--profile", &self.profile, "--target-dir"]).arg(&self.target);
            run(cargo.args(packages.iter().flat_map(|package| ["--package", package])).current_dir(BENCH)).await?;
        }
        packages.iter().map(|package| self.binary(package)).collect()
    }

    /// The binary of a package, which is built. `cargo lambda` puts each into a folder of its own.
    fn binary(&self, package: &str) -> Result<Program, Box<dyn Error>> {
        let folder = self.folder();
        let executable = [folder.join(package).join("bootstrap"), folder.join(package)].into_iter().find(|file| file.is_file());
        let missing = || format!("{package} is not in {}: all programs of a run are built in the same way", folder.display());
        let executable = executable.ok_or_else(missing)?;
        Ok(Program { name: package.to_owned(), executable, arguments: Vec::new(), folder: self.target.clone() })
    }

    /// The folder that the binaries are in.
    fn folder(&self) -> PathBuf {
        // cargo's own name for the folder of its profile `dev`.
        let profile = if self.profile == "dev" { "debug" } else { &self.profile };
        self.built.clone().unwrap_or_else(|| self.target.join(profile))
    }

    /// The yardstick in Node.js, bundled into one file.
    pub(crate) async fn node(&self) -> Result<Program, Box<dyn Error>> {
        let folder = self.copy("node", &["package.json", "package-lock.json", "handler.mjs", "runtime.mjs"])?;
        if fs::read(folder.join("installed")).ok() != Some(fs::read(folder.join("package-lock.json"))?) {
            run(Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder)).await?;
            fs::copy(folder.join("package-lock.json"), folder.join("installed"))?;
        }
        let options = ["--bundle", "--minify", "--platform=node", "--target=node20", "--log-level=warning", "--outfile=main.cjs"];
        run(Command::new("node_modules/.bin/esbuild").arg("runtime.mjs").args(options).current_dir(&folder)).await?;
        let executable = tell(Command::new("node").args(["--print", "process.execPath"])).await?;
        let name = format!("Node.js {}", tell(Command::new(&executable).args(["--print", "process.versions.node"])).await?);
        Ok(Program { name, executable: executable.into(), arguments: vec!["main.cjs".into()], folder })
    }

    /// The yardstick in Python, behind AWS's own client of the Runtime API.
    pub(crate) async fn python(&self) -> Result<Program, Box<dyn Error>> {
        let folder = self.copy("python", &["requirements.txt", "handler.py"])?;
        let executable = folder.join("venv/bin/python");
        if fs::read(folder.join("installed")).ok() != Some(fs::read(folder.join("requirements.txt"))?) {
            run(Command::new("python3").args(["-m", "venv", "--clear", "venv"]).current_dir(&folder)).await?;
            let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"];
            run(Command::new(&executable).args(install).current_dir(&folder)).await?;
            fs::copy(folder.join("requirements.txt"), folder.join("installed"))?;
        }
        let version = tell(Command::new(&executable).args(["-c", "import platform; print(platform.python_version())"])).await?;
        let arguments = ["-m", "awslambdaric", "handler.handler"].map(OsString::from).into();
        Ok(Program { name: format!("Python {version}"), executable, arguments, folder })
    }

    /// How many bytes each of these functions has as it is deployed: `infra/aws/package` lays it out so, and SAM zips it so.
    pub(crate) async fn zipped(&self, functions: &[&str]) -> Result<Vec<u64>, Box<dyn Error>> {
        let laid_out = tempfile::tempdir_in(&self.target)?;
        let mut package = Command::new(Path::new(BENCH).join("../../infra/aws/package"));
        // The size does not depend on the C library that a binary was linked with: none is refused.
        package.arg(self.folder()).arg(laid_out.path()).args(functions).env("GLIBC", "2.999").env("VENDOR", VENDOR);
        run(&mut package).await?;
        let mut sizes = Vec::new();
        for function in functions {
            let zip = ["-m", "zipfile", "-c", "../package.zip", "bootstrap", "vendor/"];
            run(Command::new("python3").args(zip).current_dir(laid_out.path().join(function))).await?;
            sizes.push(fs::metadata(laid_out.path().join("package.zip"))?.len());
        }
        Ok(sizes)
    }

    /// A folder of its own below the target directory, with copies of these files of one of ours.
    fn copy(&self, name: &str, files: &[&str]) -> Result<PathBuf, Box<dyn Error>> {
        let folder = self.target.join("bench").join(name);
        fs::create_dir_all(&folder)?;
        for file in files {
            fs::copy(Path::new(BENCH).join(name).join(file), folder.join(file))?;
        }
        Ok(folder)
    }
}

/// Runs a command that must succeed. What it says goes to standard error.
async fn run(command: &mut Command) -> Result<(), Box<dyn Error>> {
    let status = command.stdout(std::io::stderr()).status().await.map_err(|error| format!("{command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}").into()) }
}

/// The line that a command prints.
async fn tell(command: &mut Command) -> Result<String, Box<dyn Error>> {
    let output = command.output().await.map_err(|error| format!("{command:?}: {error}"))?;
    let line = String::from_utf8(output.stdout)?.trim().to_owned();
    if output.status.success() && !line.is_empty() { Ok(line) } else { Err(format!("{command:?}: {}", output.status).into()) }
}
