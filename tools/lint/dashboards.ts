// What a dashboard may look like: the types of Grafana's own schema, with the options of the kinds of panels in
// use. tools/lint/dashboards.sh checks deploy/grafana/dashboards against it.
import type { AnnotationQuery, Dashboard as Schema, Panel as AnyPanel, RowPanel } from '@grafana/schema';
import type * as Stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as Table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as Series from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

// As JSON has it: enumerations are their values.
type Json<T> = T extends string ? `${T}` : T extends object ? { [K in keyof T]: Json<T[K]> } : T;

type Defaults = NonNullable<NonNullable<AnyPanel['fieldConfig']>['defaults']>;

// A panel of one kind, with its options and the settings of its fields.
type Panel<Kind extends string, Options, Custom> = Omit<AnyPanel, 'type' | 'options' | 'fieldConfig'> & {
  type: Kind;
  options: Options;
  fieldConfig: { defaults: Omit<Defaults, 'custom'> & { custom?: Custom }; overrides: [] };
};

export type Dashboard = Json<
  Omit<Schema, 'panels' | 'annotations'> & {
    annotations: { list: (AnnotationQuery & { expr: string; step: string; titleFormat: string; textFormat: string; tagKeys: string })[] };
    panels: (
      | Panel<'stat', Stat.Options, never>
      | Panel<'table', Partial<Table.Options>, never>
      | Panel<'timeseries', Series.Options, Series.FieldConfig>
      | RowPanel
    )[];
  }
>;
