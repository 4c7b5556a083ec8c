//! The layer table, read from the crate doc.

/// Which modules may import which.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    modules: Vec<String>,
    within: Within,
}

/// What a module may import from its own layer.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Within {
    EachOther,
    Nothing,
    Left,
}

impl Table {
    /// Reads the markdown table whose head is `| layer | modules | within the layer |`.
    pub fn parse(crate_root: &str) -> Result<Self, String> {
        let doc = crate_root.lines().filter_map(|line| line.strip_prefix("//!")).map(str::trim);
        let mut lines = doc.skip_while(|line| !line.starts_with("| layer | modules |")).peekable();
        lines.peek().ok_or("the crate doc has no layer table")?;
        let rows: Vec<_> = lines.skip(2).take_while(|line| line.starts_with('|')).map(Row::parse).collect();
        let table = Self { rows: rows.into_iter().collect::<Result<_, _>>()? };
        table.check()
    }

    fn check(self) -> Result<Self, String> {
        if self.rows.is_empty() {
            return Err("the layer table has no layers".into());
        }
        let mut all: Vec<&String> = self.rows.iter().flat_map(|row| &row.modules).collect();
        all.sort();
        match all.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("the layer table is wrong: `{}` stands in it twice", pair[0])),
            None => Ok(self),
        }
    }

    /// Whether a module stands in the table.
    pub fn has(&self, module: &str) -> bool {
        self.place(module).is_some()
    }

    /// Layer, and place within it.
    fn place(&self, module: &str) -> Option<(usize, usize)> {
        let mut layers = self.rows.iter().enumerate();
        layers.find_map(|(layer, row)| Some((layer, row.modules.iter().position(|name| name == module)?)))
    }

    /// Whether `from` may import `to`; if not, why.
    pub fn allows(&self, from: &str, to: &str) -> Result<(), String> {
        let Some((from_layer, from_place)) = self.place(from) else { return Ok(()) };
        let (layer, place) = self
            .place(to)
            .ok_or_else(|| format!("`{from}` imports `{to}`, which is missing from the layer table"))?;
        let within = self.rows[layer].within;
        let beside =
            from == to || within == Within::EachOther || (within == Within::Left && place < from_place);
        match layer.cmp(&from_layer) {
            std::cmp::Ordering::Less => Ok(()),
            std::cmp::Ordering::Equal if beside => Ok(()),
            std::cmp::Ordering::Equal => {
                Err(format!("`{from}` must not import `{to}`, which stands beside it"))
            }
            std::cmp::Ordering::Greater => Err(format!("`{from}` must not import `{to}`, which is above it")),
        }
    }
}

impl Row {
    fn parse(line: &str) -> Result<Self, String> {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [layer, modules, within] = cells[..] else {
            return Err(format!("the layer table has a row that is not three cells: {line}"));
        };
        let within = match within {
            "each other" => Within::EachOther,
            "nothing" => Within::Nothing,
            "those to the left" => Within::Left,
            other => return Err(format!("the layer table has the unknown rule {other:?}")),
        };
        let modules: Vec<String> = modules.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        if modules.is_empty() {
            return Err(format!("layer {layer:?} has no modules"));
        }
        Ok(Self { modules, within })
    }
}
