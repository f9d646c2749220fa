// Drives a gateway with the official Node client; prints one JSON object with what came of it.
import OpenAI from "openai";

const baseURL = process.env.BASE_URL;
const tools = [
  {
    type: "function",
    function: {
      name: "get_weather",
      description: "The weather in a city.",
      parameters: {
        type: "object",
        properties: { city: { type: "string" }, days: { type: "integer" } },
        required: ["city"],
        additionalProperties: false,
      },
    },
  },
];
const messages = [{ role: "user", content: "What is the weather in Paris?" }];
const found = {};

for (const [mode, path] of [["auto", "/v1"], ["emulate", "/emulate/v1"]]) {
  const client = new OpenAI({ baseURL: baseURL + path, apiKey: "none", maxRetries: 0 });
  for (const model of process.env.MODELS.split(",")) {
    const request = { model, messages, tools, tool_choice: "required" };
    const whole = await client.chat.completions.create(request);
    const stream = client.chat.completions.stream({ ...request, stream_options: { include_usage: true } });
    const events = [];
    stream.on("tool_calls.function.arguments.done", (event) => events.push([event.name, JSON.parse(event.arguments)]));
    const last = await stream.finalChatCompletion();
    const shape = (completion) => ({
      calls: completion.choices[0].message.tool_calls.map((c) => [c.function.name, JSON.parse(c.function.arguments)]),
      finish: completion.choices[0].finish_reason,
      usage: completion.usage.total_tokens > 0,
    });
    found[`${mode} ${model}`] = { whole: shape(whole), streamed: shape(last), events };
  }
}

// The client's own loop: it runs the tool itself and asks again with the result.
const client = new OpenAI({ baseURL: `${baseURL}/v1`, apiKey: "none", maxRetries: 0 });
const expressions = [];
const loop = (stream) =>
  client.chat.completions.runTools({
    model: process.env.MODELS.split(",")[0],
    stream,
    messages: [{ role: "user", content: "What is 1234 * 5678?" }],
    tools: [
      {
        type: "function",
        function: {
          name: "calculator",
          description: "Evaluate an arithmetic expression.",
          parse: JSON.parse,
          parameters: { type: "object", properties: { expression: { type: "string" } }, required: ["expression"] },
          function: ({ expression }) => {
            expressions.push(expression);
            return "7006652";
          },
        },
      },
    ],
  });
found.loop = [await loop(false).finalContent(), await loop(true).finalContent()];
found.expressions = expressions;

try {
  await client.chat.completions.create({ model: "absent", messages });
} catch (error) {
  found.error = [error.constructor.name, error.status, error.code, error.requestID !== undefined];
}
console.log(JSON.stringify(found));
