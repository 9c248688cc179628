/** The curves of the demo's runs as an SVG. */
import * as echarts from 'echarts';
import type { TrainedStudent } from './students.ts';

const colors = { SFT: '#c2410c', KD: '#64748b', DistiLLM: '#1d4ed8' } as const;
const sources = { data: 0, replay: 1, generate: 2 } as const;

/** The curves of one seed's students as an SVG: losses, ROUGE-L, phi, and what each DistiLLM batch was. */
export function drawCurves(students: readonly TrainedStudent[], title: string): string {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: 1000, height: 760 });
  const cell = (row: number, column: number) => ({
    left: column === 0 ? 60 : 560,
    top: row === 0 ? 110 : 460,
    width: 390,
    height: 240,
  });
  const grids = [cell(0, 0), cell(0, 1), cell(1, 0), cell(1, 1)];
  const titles = [
    'Training loss (nats per token, mean of 10 steps)',
    'Held-out ROUGE-L (60 greedy answers)',
    'Held-out cross-entropy (nats per token)',
    'DistiLLM: phi (green, 0 to 1), and where each batch came from',
  ];
  const line = (name: string, grid: number, data: readonly (readonly [number, number])[], color: string) => ({
    type: 'line' as const,
    name,
    xAxisIndex: grid,
    yAxisIndex: grid,
    data: data.map((point) => [...point]),
    showSymbol: grid !== 0 && grid !== 3,
    lineStyle: { width: 2, color },
    itemStyle: { color },
  });
  const series = students.flatMap(({ method, steps, validations }) => [
    line(method, 0, smoothed(steps.map(({ step, loss }) => [step, loss] as const)), colors[method]),
    line(
      method,
      1,
      validations.map(({ step, rougeL }) => [step, rougeL ?? 0] as const),
      colors[method],
    ),
    line(
      method,
      2,
      validations.flatMap(({ step, loss }) => (loss === undefined ? [] : [[step, loss] as const])),
      colors[method],
    ),
  ]);
  const distilled = students.find(({ method }) => method === 'DistiLLM');
  const phi = distilled?.steps.map(({ step, phi }) => [step, phi] as const) ?? [];
  const batches = distilled?.steps.map(({ step, source }) => [step, 0.25 + 0.25 * sources[source]]) ?? [];
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    title: [
      { text: title, left: 20, top: 12, textStyle: { fontSize: 18 } },
      ...titles.map((text, i) => ({
        text,
        left: (grids[i]?.left ?? 0) - 30,
        top: (grids[i]?.top ?? 0) - 32,
        textStyle: { fontSize: 13, fontWeight: 'bold' as const },
      })),
    ],
    legend: { top: 44, left: 20, data: students.map(({ method }) => method) },
    grid: grids,
    xAxis: grids.map((_, gridIndex) => ({
      type: 'value' as const,
      gridIndex,
      name: 'step',
      nameLocation: 'middle' as const,
      nameGap: 24,
    })),
    yAxis: grids.map((_, gridIndex) =>
      gridIndex === 3
        ? {
            type: 'value' as const,
            gridIndex,
            min: 0,
            max: 1,
            interval: 0.25,
            axisLabel: { formatter: (v: number) => ['0', 'data', 'replay', 'fresh', '1'][Math.round(v * 4)] ?? '' },
          }
        : { type: 'value' as const, gridIndex, scale: true },
    ),
    series: [
      ...series,
      line('phi', 3, phi, '#059669'),
      {
        type: 'scatter',
        name: 'batch',
        xAxisIndex: 3,
        yAxisIndex: 3,
        data: batches,
        symbolSize: 4,
        itemStyle: { color: colors.DistiLLM, opacity: 0.5 },
      },
    ],
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

function smoothed(points: readonly (readonly [number, number])[], width = 10): [number, number][] {
  const means: [number, number][] = [];
  for (let start = 0; start < points.length; start += width) {
    const part = points.slice(start, start + width);
    means.push([part.at(-1)?.[0] ?? 0, part.reduce((sum, [, value]) => sum + value, 0) / part.length]);
  }
  return means;
}
