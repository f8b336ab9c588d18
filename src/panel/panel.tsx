import { ReactWidget } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import { ArrayExt } from '@lumino/algorithm';
import { DisposableDelegate, type IDisposable } from '@lumino/disposable';
import type { Message } from '@lumino/messaging';
import { Signal } from '@lumino/signaling';
import * as React from 'react';
import { Problem } from '../components/basics';
import { useQuery } from '../components/use-query';
import type { IDsp, IDspPanel, ISection, ISectionHeader } from '../tokens';

/** Ages are written in minutes: rows are drawn anew this often, in milliseconds, while they are seen. */
const MINUTE = 60_000;

/** What is remembered between sessions: which sections are folded. */
export interface IPanelState {
  folded: string[];
}

/** The side panel: sections that areas add, each with count, one action, and a body that lives while it is seen. */
export class DspPanel extends ReactWidget implements IDspPanel {
  constructor(
    readonly dsp: IDsp,
    private readonly trans: TranslationBundle,
    private readonly save: (state: IPanelState) => void
  ) {
    super();
    this.id = 'jp-dsp-panel';
    this.addClass('jp-Dsp-panel');
    this.title.caption = trans.__('Data Science Platform');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('Data Science Platform'));
  }

  addSection(section: ISection): IDisposable {
    const index = ArrayExt.upperBound(this._sections, section, (a, b) => a.rank - b.rank);
    this._sections.splice(index, 0, section);
    this._changed.emit();
    return new DisposableDelegate(() => {
      ArrayExt.removeFirstOf(this._sections, section);
      this._changed.emit();
    });
  }

  restore(state: IPanelState): void {
    this._folded = new Set(state.folded);
    this._changed.emit();
  }

  protected override onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this._changed.emit();
  }

  protected override onAfterHide(msg: Message): void {
    super.onAfterHide(msg);
    this._changed.emit();
  }

  protected override render(): React.ReactElement {
    return <Body panel={this} />;
  }

  /** Rendered state, for the React body. */
  get view(): { sections: ISection[]; folded: Set<string>; visible: boolean } {
    return { sections: [...this._sections], folded: this._folded, visible: this.isVisible };
  }

  get changed(): Signal<DspPanel, void> {
    return this._changed;
  }

  get translation(): TranslationBundle {
    return this.trans;
  }

  toggle(id: string): void {
    const folded = new Set(this._folded);
    if (!folded.delete(id)) {
      folded.add(id);
    }
    this._folded = folded;
    this.save({ folded: [...folded] });
    this._changed.emit();
  }

  private readonly _sections: ISection[] = [];
  private _folded = new Set<string>();
  private readonly _changed = new Signal<DspPanel, void>(this);
}

function Body(props: { panel: DspPanel }): React.ReactElement {
  const { panel } = props;
  const [, setCount] = React.useState(0);
  React.useEffect(() => {
    const update = () => setCount(count => count + 1);
    panel.changed.connect(update);
    return () => {
      panel.changed.disconnect(update);
    };
  }, [panel]);
  const { sections, folded, visible } = panel.view;
  React.useEffect(() => {
    if (!visible) {
      return;
    }
    const timer = setInterval(() => setCount(count => count + 1), MINUTE);
    return () => clearInterval(timer);
  }, [visible]);
  const trans = panel.translation;
  const info = useQuery(panel.dsp, 'system.info', {}, { visible });
  // without the server no section can show anything: it is said once
  const isMissing = !info.data && (info.error?.isMissingServer || info.error?.code === 'unreachable');
  return (
    <>
      <header className="jp-Dsp-panelHeader">
        <h2>{trans.__('Data Science Platform')}</h2>
        {info.data && (
          <span
            className="jp-Dsp-muted"
            title={trans.__('Version %1, kept in %2', info.data.version, info.data.home)}
          >
            {info.data.user}
          </span>
        )}
      </header>
      {isMissing && info.error ? (
        <Problem error={info.error} trans={trans} retry={info.reload} />
      ) : (
        <div className="jp-Dsp-sections">
          {sections.map(section => (
            <Section
              key={section.id}
              section={section}
              isFolded={folded.has(section.id)}
              visible={visible && !folded.has(section.id)}
              onToggle={() => panel.toggle(section.id)}
            />
          ))}
        </div>
      )}
    </>
  );
}

function Section(props: {
  section: ISection;
  isFolded: boolean;
  visible: boolean;
  onToggle: () => void;
}): React.ReactElement {
  const { section, isFolded } = props;
  const [header, setHeader] = React.useState<ISectionHeader>({});
  const bodyId = `jp-dsp-section-${section.id}`;
  return (
    <section className="jp-Dsp-section" aria-label={section.title}>
      <div className="jp-Dsp-sectionHeader">
        <button
          className="jp-Dsp-sectionTitle"
          aria-expanded={!isFolded}
          aria-controls={bodyId}
          onClick={props.onToggle}
        >
          {isFolded ? <caretRightIcon.react tag="span" /> : <caretDownIcon.react tag="span" />}
          <span>{section.title}</span>
          {header.count && <span className="jp-Dsp-count">{header.count}</span>}
        </button>
        {header.action && !isFolded && (
          <button
            className="jp-Dsp-link"
            disabled={header.action.enabled === false}
            title={header.action.caption}
            onClick={header.action.run}
          >
            {header.action.label}
          </button>
        )}
      </div>
      {!isFolded && (
        <div id={bodyId} className="jp-Dsp-sectionBody">
          {section.render(setHeader, props.visible)}
        </div>
      )}
    </section>
  );
}
