//! Rows of text in columns.

/// No column but the last is made wider than this for the sake of one entry.
const WIDE: usize = 44;

/// A page that grows.
#[derive(Default)]
pub struct Page {
    out: String,
}

impl Page {
    /// Adds a line.
    pub fn line(&mut self, line: impl AsRef<str>) {
        self.out.push_str(line.as_ref().trim_end());
        self.out.push('\n');
    }

    /// Adds a titled table; nothing when there are no rows.
    pub fn section<const N: usize>(&mut self, title: &str, rows: impl IntoIterator<Item = [String; N]>) {
        let rows: Vec<[String; N]> = rows.into_iter().collect();
        if !rows.is_empty() {
            self.line("");
            self.line(format!("{title}:"));
            self.rows("  ", &rows);
        }
    }

    /// Adds a table without a title.
    pub fn table<const N: usize>(&mut self, rows: impl IntoIterator<Item = [String; N]>) {
        self.rows("", &rows.into_iter().collect::<Vec<_>>());
    }

    fn rows<const N: usize>(&mut self, indent: &str, rows: &[[String; N]]) {
        let width = |column: usize| {
            let widths = rows.iter().map(|row| row[column].chars().count());
            widths.filter(|width| *width <= WIDE).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..N).map(width).collect();
        for row in rows {
            let mut line = indent.to_string();
            for (index, cell) in row.iter().enumerate() {
                // Whatever a name holds, a row is one line.
                let cell = cell.replace(['\n', '\r'], " ");
                let width = if index + 1 < N && (index == 0 || widths[index] > 0) { widths[index] } else { 0 };
                line.push_str(&format!("{cell:width$}"));
                if index + 1 < N && widths[index] != 0 {
                    line.push_str("  ");
                }
            }
            self.line(line);
        }
    }

    /// Returns the text.
    pub fn text(self) -> String {
        self.out
    }
}
