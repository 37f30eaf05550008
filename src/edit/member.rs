//! What `image set` and `chart set` change: which key of which table, and what to say when there is none.

use super::Written;
use crate::catalog::Component;
use crate::chart::facts::{self, Known};
use crate::diag::{near, quoted_list};
use crate::parse::Table;
use crate::parse::node::Lookup;
use crate::resolve::{Platform, language};

/// A component or job that a person named.
pub struct Member<'a> {
    name: &'a str,
    /// `components` or `jobs`.
    group: &'static str,
    table: &'a Table,
    environment: Option<&'a str>,
    written: &'a Written,
    definition: &'a Component,
}

/// What cannot be done, and what can.
#[derive(Debug, PartialEq, Eq)]
pub struct Cannot {
    pub message: String,
    pub help: Vec<String>,
}

impl Cannot {
    fn new(message: String) -> Self {
        Self { message, help: vec![] }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Names what is near, or all there is.
    fn near(self, name: &str, all: &[&str]) -> Self {
        match near(name, all.iter().copied()) {
            near if near.is_empty() && all.is_empty() => self,
            near if near.is_empty() => {
                self.help(format!("available: {}", quoted_list(all.iter().copied().take(20), "and")))
            }
            near => self.help(format!("did you mean {}?", quoted_list(near, "or"))),
        }
    }
}

impl<'a> Member<'a> {
    /// Finds a component or job, and the environment whose table is meant.
    ///
    /// # Errors
    /// When there is no such member or environment.
    pub fn find(
        written: &'a Written,
        platform: &'a Platform,
        name: &'a str,
        environment: Option<&'a str>,
    ) -> Result<Self, Cannot> {
        let environments: Vec<&str> = names(&written.root, "environments");
        if let Some(wanted) = environment.filter(|wanted| !environments.contains(wanted)) {
            let cannot = Cannot::new(format!("unknown environment: `{wanted}`"));
            return Err(match environments.is_empty() {
                true => cannot.help("the platform has no `[environments]`: omit `-e`"),
                false => cannot.near(wanted, &environments),
            });
        }
        let base = |group: &str| written.root.table(group).and_then(|t| t.get_key_value(name));
        let layer = |group: &str| written.node(&["environments", environment?, group])?.as_table()?.get_key_value(name);
        let found = ["components", "jobs"].into_iter().find_map(|group| {
            let (key, entry) = base(group).or_else(|| layer(group))?;
            Some((group, &**key, entry.node.as_table()?))
        });
        let Some((group, name, table)) = found else {
            let mut all = names(&written.root, "components");
            all.extend(names(&written.root, "jobs"));
            return Err(Cannot::new(format!("the platform has no component or job `{name}`")).near(name, &all));
        };
        let empty = Table::new();
        let uses = match group {
            "jobs" => format!("{}{}", crate::catalog::JOB, table.text("kind").unwrap_or("container")),
            _ => language::uses_of(name, Some(table), written.root.table("components").unwrap_or(&empty), 0),
        };
        let definition = platform.catalogue.components.get(&uses);
        let definition = definition.ok_or_else(|| Cannot::new(format!("the catalogue has no component `{uses}`")))?;
        Ok(Self { name, group, table, environment, written, definition })
    }

    /// Returns the path of the image.
    ///
    /// # Errors
    /// When the component has no such option: what can be set instead.
    pub fn image(&self) -> Result<Vec<&'a str>, Cannot> {
        if self
            .definition
            .options
            .get("image")
            .is_some_and(|option| ["image", "string"].contains(&option.kind.as_str()))
        {
            return Ok(self.path(&["image"]));
        }
        let uses = &self.definition.name;
        let mut cannot = Cannot::new(format!("`{}` has no option `image`", self.name));
        let options =
            self.definition.options.iter().filter(|(key, option)| key.contains("image") || option.kind == "image");
        let options: Vec<&str> = options.map(|(key, _)| key.as_str()).collect();
        if !options.is_empty() {
            cannot = cannot.help(format!("set {} of `{uses}` by hand", quoted_list(options, "or")));
        }
        let Some(chart) = &self.definition.chart else { return Err(cannot) };
        cannot = cannot.help(format!(
            "its images come with chart `{0}`: change the chart with `lakegen chart set {1} VERSION`",
            chart.name, self.name
        ));
        let values = image_values(uses, &chart.name);
        if !values.is_empty() {
            let list = quoted_list(values.iter().map(String::as_str), "and");
            let example = values.iter().find(|v| v.ends_with("tag")).unwrap_or(&values[0]);
            cannot = cannot.help(format!(
                "or override the chart's image values, which are {list}: `values.{example} = \"…\"` under `[{}.{}]`",
                self.group, self.name
            ));
        }
        Err(cannot)
    }

    /// Returns the path of the chart's version: where it is written, else `version` of the component.
    ///
    /// # Errors
    /// When the component has no chart.
    pub fn chart_version(&self) -> Result<Vec<&'a str>, Cannot> {
        if self.definition.chart.is_none() && !self.table.contains_key("chart") {
            let cannot = Cannot::new(format!("`{}` has no chart: lakegen writes its objects itself", self.name));
            return Err(match self.image() {
                Ok(_) => cannot.help(format!("`lakegen image set {} IMAGE` sets its image", self.name)),
                Err(_) => cannot,
            });
        }
        let there = |path: &Vec<&str>| self.written.node(path).is_some();
        // In the order in which they win, so that what is set is what counts.
        let own = [self.path(&["version"]), self.path(&["chart", "version"])];
        if let Some(path) = own.iter().find(|path| there(path)) {
            // `[versions]` would win over the chart's own version.
            return Ok(if path.len() > own[0].len() && self.pinned() { own[0].clone() } else { path.clone() });
        }
        if self.pinned() && self.only_user() {
            return Ok(self.pin());
        }
        Ok(own[0].clone())
    }

    /// Returns the environments that say otherwise and so keep what they have.
    pub fn overridden(&self, path: &[&str]) -> Vec<&'a str> {
        if self.environment.is_some() {
            return vec![];
        }
        let says = |name: &&str| {
            let path: Vec<&str> = ["environments", *name].into_iter().chain(path.iter().copied()).collect();
            self.written.node(&path).is_some()
        };
        names(&self.written.root, "environments").into_iter().filter(says).collect()
    }

    fn path(&self, keys: &[&'a str]) -> Vec<&'a str> {
        self.layer().into_iter().chain([self.group, self.name]).chain(keys.iter().copied()).collect()
    }

    fn layer(&self) -> Vec<&'a str> {
        self.environment.map_or_else(Vec::new, |environment| vec!["environments", environment])
    }

    fn pin(&self) -> Vec<&'a str> {
        self.layer().into_iter().chain(["versions", self.definition.name.as_str()]).collect()
    }

    fn pinned(&self) -> bool {
        self.written.node(&self.pin()).is_some()
    }

    /// Says whether no other component uses the same definition, so that a pin of it is this one's.
    fn only_user(&self) -> bool {
        let empty = Table::new();
        let all = self.written.root.table("components").unwrap_or(&empty);
        let users = all
            .iter()
            .filter(|(name, entry)| language::uses_of(name, entry.node.as_table(), all, 0) == self.definition.name);
        users.count() == 1
    }
}

fn names<'t>(root: &'t Table, key: &str) -> Vec<&'t str> {
    root.table(key).into_iter().flatten().map(|(name, _)| &**name).collect()
}

/// Returns values of a component's chart that name its images.
fn image_values(component: &str, chart: &str) -> Vec<String> {
    let Some(facts) = facts::facts(component).or_else(|| facts::facts(chart)) else { return vec![] };
    let mut found = Vec::new();
    for path in [&["image"][..], &["controller", "image"], &["server", "image"], &["global", "image"]] {
        for key in ["repository", "tag"] {
            let whole: Vec<&str> = path.iter().copied().chain([key]).collect();
            if facts.knows(&whole) == Known::Yes {
                found.push(whole.join("."));
            }
        }
    }
    found.truncate(4);
    found
}
