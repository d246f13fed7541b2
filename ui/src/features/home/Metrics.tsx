import { IconAlertTriangle, IconCheck } from "@tabler/icons-react";
import type { Metric } from "../../bindings/types";
import classes from "./Home.module.css";
import { Sparkline } from "./Sparkline";

export function Metrics({ metrics }: { metrics: Metric[] }) {
  return (
    <section className={classes.card} aria-labelledby="metrics-title">
      <h2 id="metrics-title">How it has been going</h2>
      <ul className={classes.metrics} data-testid="metrics">
        {metrics.map((metric) => (
          <li key={metric.id}>
            <span className={classes.metricLabel}>{metric.label}</span>
            <span className={classes.metricValue}>{metric.value}</span>
            <Sparkline values={metric.trend} label={metric.label} />
            <span className={classes.metricDetail} data-ok={metric.ok}>
              {metric.ok ? <IconCheck size={13} aria-hidden="true" /> : <IconAlertTriangle size={13} aria-hidden="true" />}
              <span>{metric.ok ? "fine" : "look at this"}</span>
            </span>
            <small>{metric.detail}</small>
          </li>
        ))}
      </ul>
    </section>
  );
}
