//! A dashboard: rows of panels, and what can be chosen above them.

use serde_json::{Value, json};

use crate::panel::{Panel, datasource};

/// The version of the schema these dashboards are written in: Grafana 10 and later read it.
const SCHEMA: u64 = 39;

/// What can be chosen above a dashboard, beside the Prometheus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// One brand, several, or all.
    Brand,
    /// One campaign of these brands, several, or all.
    Campaign,
    /// One gateway, several, or all.
    Gateway,
}

/// A page of panels for one kind of reader.
#[derive(Debug, Clone)]
pub(crate) struct Dashboard {
    /// The file's name, and the dashboard's in URLs.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) description: &'static str,
    pub(crate) choices: &'static [Choice],
    pub(crate) rows: Vec<Row>,
}

/// Panels that belong together.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) title: &'static str,
    pub(crate) panels: Vec<Panel>,
}

impl Dashboard {
    /// As Grafana reads it.
    pub(crate) fn json(&self) -> Value {
        json!({
            "uid": format!("vigie-{}", self.name),
            "title": format!("vigie / {}", self.title),
            "description": self.description,
            "tags": ["vigie"],
            "schemaVersion": SCHEMA,
            "version": 1,
            "editable": true,
            "graphTooltip": 1,
            "refresh": "10s",
            "time": { "from": "now-6h", "to": "now" },
            "timezone": "",
            "templating": { "list": self.variables() },
            "links": [{
                "type": "dashboards", "tags": ["vigie"], "title": "vigie", "asDropdown": true, "includeVars": true, "keepTime": true,
            }],
            "panels": self.panels(),
        })
    }

    fn variables(&self) -> Vec<Value> {
        let prometheus = json!({
            "name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus",
        });
        let choices = self.choices.iter().map(|choice| {
            let (name, label, query) = match choice {
                Choice::Brand => ("brand", "Brand", "label_values(vigie_sends, brand)"),
                Choice::Campaign => (
                    "campaign",
                    "Campaign",
                    "label_values(vigie_campaign_sends{brand=~\"$brand\"}, campaign)",
                ),
                Choice::Gateway => ("instance", "Gateway", "label_values(vigie_build_info, instance)"),
            };
            json!({
                "name": name, "label": label, "type": "query", "datasource": datasource(),
                "query": { "query": query, "refId": name }, "definition": query,
                "multi": true, "includeAll": true, "allValue": ".*", "refresh": 2, "sort": 1,
                "current": { "text": ["All"], "value": ["$__all"] },
            })
        });
        std::iter::once(prometheus).chain(choices).collect()
    }

    /// The panels of all rows and where they stand, from left to right and from top to bottom.
    pub(crate) fn placed(&self) -> Vec<(&Panel, u64, u64)> {
        let mut y = 0;
        self.rows.iter().flat_map(|row| row.placed(&mut y)).collect()
    }

    fn panels(&self) -> Vec<Value> {
        let (mut all, mut y) = (Vec::new(), 0);
        for row in &self.rows {
            let place = json!({ "x": 0, "y": y, "w": 24, "h": 1 });
            let id = all.len() as u64 + 1;
            all.push(json!({ "id": id, "type": "row", "title": row.title, "collapsed": false, "gridPos": place, "panels": [] }));
            for (panel, x, y) in row.placed(&mut y) {
                all.push(panel.json(all.len() as u64 + 1, x, y));
            }
        }
        all
    }
}

impl Row {
    /// Its panels and where they stand, below `y` and its title; from there on there is room.
    fn placed(&self, y: &mut u64) -> Vec<(&Panel, u64, u64)> {
        *y += 1;
        let (mut x, mut all) = (0, Vec::new());
        for panel in &self.panels {
            if x + panel.width > 24 {
                (x, *y) = (0, *y + Panel::HEIGHT);
            }
            all.push((panel, x, *y));
            x += panel.width;
        }
        *y += Panel::HEIGHT;
        all
    }
}
