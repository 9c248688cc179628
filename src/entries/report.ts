/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Charts and reports of runs, from the log that `distillm train` writes or from the events of a run: one HTML file, or
 * one SVG file. `distillm plot` is the same on the command line. And reports of evaluations, as `distillm eval --report`
 * writes them.
 * @module distillm/report
 */

export { differenceTable, type EvaluatedModel, evaluationTable } from '../report/evaluationTable.js';
export type { AnswerCard } from '../report/page/answers.js';
export type { Cell, Table } from '../report/page/tables.js';
export { type EvaluationReportOptions, reportEvaluations } from '../report/reportEvaluations.js';
export { type PlotOptions, plotRuns, type ReportOptions, type ReportTable, reportRuns } from '../report/reportRuns.js';
export { type ChartName, chartNames } from '../report/runCharts.js';
export { type LoggedStep, type LoggedValidation, type RunLog, readRunLog } from '../report/runLog.js';
