// Agents of the AI SDK and the OpenAI SDK for Node, whole and streamed; prints one JSON object with what came of them.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, Output, stepCountIs, streamText, tool } from "ai";
import OpenAI from "openai";
import { z } from "zod";

const baseURL = `${process.env.GATEWAY}/v1`;
const prompt = "What is the weather in Paris?";
const toolgate = createOpenAICompatible({ name: "toolgate", baseURL, supportsStructuredOutputs: true });
const client = new OpenAI({ baseURL, apiKey: "none", maxRetries: 0 });
const asked = (model) => ({
  model: toolgate(model),
  prompt,
  maxRetries: 0,
  tools: {
    get_weather: tool({
      description: "Get the weather of a city.",
      inputSchema: z.object({ city: z.string() }),
      execute: async ({ city }) => ({ city, degrees: 21.5 }),
    }),
  },
  output: Output.object({ schema: z.object({ city: z.string(), degrees: z.number() }) }),
  stopWhen: stepCountIs(5),
});
const runTools = (model, stream) =>
  client.chat.completions.runTools({
    model,
    stream,
    messages: [{ role: "user", content: prompt }],
    tools: [
      {
        type: "function",
        function: {
          name: "get_weather",
          description: "The weather in a city.",
          parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
          parse: JSON.parse,
          function: ({ city }) => `sunny in ${city}, 21 degrees`,
        },
      },
    ],
  });

const model = process.env.MODEL;
const whole = await generateText(asked(model));
const streamed = streamText(asked(model));
await streamed.consumeStream();
console.log(
  JSON.stringify({
    whole: [await whole.output, whole.steps.length],
    streamed: [await streamed.output, (await streamed.steps).length],
    openai: [await runTools(model, false).finalContent(), await runTools(model, true).finalContent()],
  }),
);
