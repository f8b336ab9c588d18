import type { TranslationBundle } from '@jupyterlab/translation';
import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import * as React from 'react';
import { Chip, EmptyState, FilterBox, Problem, Stale } from '../components/basics';
import { usePreferences } from '../components/use-preferences';
import { useListKeys } from '../components/list-keys';
import { touches, useQuery } from '../components/use-query';
import { age, bytes, headline, value } from '../format';
import { CommandIDs, type IDsp, type ISectionHeader, type Model, type Version } from '../tokens';

const VERSIONS = 5;

/** More are found by the filter. */
const MOST_ROWS = 1000;

/** The section "Models" of the side panel: families, and the newest versions of those that are open. */
export function ModelsSection(props: {
  dsp: IDsp;
  commands: CommandRegistry;
  trans: TranslationBundle;
  visible: boolean;
  report: (header: ISectionHeader) => void;
}): React.ReactElement {
  const { dsp, trans, commands, report, visible } = props;
  const [filter, setFilter] = React.useState('');
  const { rows } = usePreferences(dsp);
  const [times, setTimes] = React.useState(1);
  const limit = Math.min(rows * times, MOST_ROWS);
  const [opened, setOpened] = React.useState<Set<string> | null>(null);
  const models = useQuery(
    dsp,
    'model.list',
    { filter, limit, count: true },
    { visible, on: change => change.kind === 'model' || change.kind === 'version' }
  );
  const total = models.data?.total ?? null;
  const keys = useListKeys<HTMLUListElement>();

  React.useEffect(() => {
    report({
      count: total === null ? undefined : total.toLocaleString(),
      action: {
        label: trans.__('Export…'),
        caption: trans.__('Export the model of the open notebook to the versioned store'),
        run: () => void commands.execute(CommandIDs.exportModel)
      }
    });
  }, [total, commands, report, trans]);

  const isFilterProblem = models.error?.body.details['field'] === 'filter';
  if (models.error && !models.data && !isFilterProblem) {
    return <Problem error={models.error} trans={trans} retry={models.reload} />;
  }
  if (models.data && total === 0 && !filter) {
    return (
      <EmptyState
        trans={trans}
        text={trans.__('A trained model becomes a version here, with its metrics and where it comes from.')}
        magic='dsp.save(model, "my-model", metrics={"accuracy": 0.97})'
      />
    );
  }
  const items = models.data?.items ?? [];
  // the first family is open until somebody decides otherwise
  const isOpen = (name: string, index: number) => (opened ? opened.has(name) : index === 0);
  const toggle = (name: string) => {
    const next = new Set(opened ?? items.slice(0, 1).map(model => model.name));
    if (!next.delete(name)) {
      next.add(name);
    }
    setOpened(next);
  };
  return (
    <>
      {models.error && !isFilterProblem && <Stale error={models.error} trans={trans} />}
      <FilterBox
        label={trans.__('Filter models')}
        placeholder={trans.__('Filter: name ~ digits')}
        value={filter}
        onChange={setFilter}
        error={isFilterProblem ? (models.error?.body.message ?? null) : null}
      />
      <ul className="jp-Dsp-list" aria-label={trans.__('Models')} aria-busy={models.isLoading} {...keys}>
        {items.map((model, index) => (
          <ModelItem
            key={model.name}
            model={model}
            isOpen={isOpen(model.name, index)}
            onToggle={() => toggle(model.name)}
            {...{ dsp, commands, trans, visible }}
          />
        ))}
      </ul>
      {models.data && items.length === 0 && <p className="jp-Dsp-muted">{trans.__('No model matches.')}</p>}
      {models.data?.next_cursor && limit < MOST_ROWS && (
        <button className="jp-Dsp-link jp-Dsp-more" onClick={() => setTimes(times * 4)}>
          {trans.__('Show more')}
        </button>
      )}
    </>
  );
}

function ModelItem(props: {
  model: Model;
  isOpen: boolean;
  onToggle: () => void;
  dsp: IDsp;
  commands: CommandRegistry;
  trans: TranslationBundle;
  visible: boolean;
}): React.ReactElement {
  const { model, isOpen, trans, commands, dsp } = props;
  const open = () => void commands.execute(CommandIDs.openModel, { model: model.name });
  return (
    <li className="jp-DspModel-family">
      <div className="jp-DspModel-familyRow" data-dsp-row>
        <button
          className="jp-Dsp-iconButton"
          aria-expanded={isOpen}
          aria-label={trans.__('Versions of %1', model.name)}
          onClick={props.onToggle}
        >
          {isOpen ? <caretDownIcon.react tag="span" /> : <caretRightIcon.react tag="span" />}
        </button>
        <button
          className="jp-Dsp-rowButton"
          data-dsp-main
          onClick={open}
          title={trans.__('Open %1', model.name)}
        >
          <span className="jp-Dsp-rowTop">
            <span className="jp-Dsp-rowName">{model.name}</span>
            <span className="jp-Dsp-muted jp-Dsp-metric">
              {trans._n(
                '%2 version',
                '%2 versions',
                model.version_count,
                model.version_count.toLocaleString()
              )}
            </span>
          </span>
        </button>
      </div>
      {isOpen && (
        <Versions
          dsp={dsp}
          model={model}
          commands={commands}
          trans={trans}
          visible={props.visible}
          onAll={open}
        />
      )}
    </li>
  );
}

function Versions(props: {
  dsp: IDsp;
  model: Model;
  commands: CommandRegistry;
  trans: TranslationBundle;
  visible: boolean;
  onAll: () => void;
}): React.ReactElement {
  const { dsp, model, commands, trans } = props;
  const versions = useQuery(
    dsp,
    'model.versions',
    { model: model.name, limit: VERSIONS },
    {
      visible: props.visible,
      on: change =>
        (change.kind === 'version' && change.scope === model.name) || touches(change, 'model', model.name)
    }
  );
  return (
    <ul className="jp-DspModel-versions">
      {(versions.data?.items ?? []).map(version => (
        <VersionItem
          key={version.version}
          version={version}
          headlineName={model.headline}
          trans={trans}
          commands={commands}
        />
      ))}
      {versions.data?.next_cursor && (
        <li data-dsp-row>
          <button className="jp-Dsp-link jp-Dsp-more" data-dsp-main onClick={props.onAll}>
            {trans.__('All versions')}
          </button>
        </li>
      )}
    </ul>
  );
}

function VersionItem(props: {
  version: Version;
  headlineName: string | null;
  trans: TranslationBundle;
  commands: CommandRegistry;
}): React.ReactElement {
  const { version, trans } = props;
  const metric =
    props.headlineName && props.headlineName in version.metrics
      ? ([props.headlineName, version.metrics[props.headlineName] ?? null] as const)
      : headline(version.metrics);
  return (
    <li data-dsp-row>
      <button
        className="jp-Dsp-rowButton"
        data-dsp-main
        title={trans.__('Open version %1', version.version)}
        onClick={() =>
          void props.commands.execute(CommandIDs.openModel, {
            model: version.model,
            version: version.version
          })
        }
      >
        <span className="jp-Dsp-rowTop">
          <span className="jp-Dsp-rowName">
            {trans.__('v%1', version.version)}{' '}
            {version.aliases.map(alias => (
              <Chip key={alias} text={alias} strong />
            ))}
            {version.unsafe_reason && <Chip text={trans.__('unsafe')} title={version.unsafe_reason} />}
          </span>
          <span className="jp-Dsp-metric" title={metric?.[0]}>
            {metric ? value(metric[1]) : ''}
          </span>
        </span>
        <span className="jp-Dsp-rowBottom">
          {[bytes(version.size_bytes), age(version.created_at), version.message].filter(Boolean).join(' · ')}
        </span>
      </button>
    </li>
  );
}
